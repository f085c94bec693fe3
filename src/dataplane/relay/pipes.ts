import { closePipe, openPipe, type Pipe as PipeEnds, splice } from '../../linux/splice.ts';

/** What a pipe may hold: the most that an unprivileged process gets (fs.pipe-max-size). */
const PIPE_BYTES = 1 << 20;
/** Idle pipes kept for the next bulk transfer; opening and sizing one costs three calls. */
const KEPT = 64;

/**
 * Guests that read slowly keep pipes filled. What they can hold so is bounded: two descriptors of the data plane's reserve
 * and a megabyte of the kernel's memory each.
 */
const AT_MOST = 256;

/** The system calls that pipes are used with. */
export interface PipeCalls {
  readonly openPipe: typeof openPipe;
  readonly closePipe: typeof closePipe;
  readonly splice: typeof splice;
}

const SYSTEM: PipeCalls = { openPipe, closePipe, splice };

/** A pipe that keeps the book of what is in it: what one guest said must never come out at another one's. */
export class Pipe {
  /** Bytes in it. */
  holds = 0;
  readonly ends: PipeEnds;
  private readonly calls: PipeCalls;

  constructor(ends: PipeEnds, calls: PipeCalls) {
    this.ends = ends;
    this.calls = calls;
  }

  /** Bytes moved into it from a socket, at most `most`; 0 at the end of the stream, or a negative errno. */
  fill(source: number, most: number): number {
    const n = this.calls.splice(source, this.ends.writeEnd, Math.min(most, PIPE_BYTES));
    if (n > 0) this.holds += n;
    return n;
  }

  /** Bytes moved out of it into a socket, or a negative errno. */
  drain(sink: number): number {
    const n = this.calls.splice(this.ends.readEnd, sink, this.holds);
    if (n > 0) this.holds -= n;
    return n;
  }
}

/** The pipes of a data plane. One is in the hands of one flow, or idle and empty. */
export class Pipes {
  private readonly calls: PipeCalls;
  private readonly idle: Pipe[] = [];
  private open = 0;

  constructor(calls = SYSTEM) {
    this.calls = calls;
  }

  /** An empty pipe, or undefined when there are enough of them or the process is out of descriptors. */
  take(): Pipe | undefined {
    const kept = this.idle.pop();
    if (kept !== undefined) return kept;
    if (this.open >= AT_MOST) return undefined;
    const ends = this.calls.openPipe(PIPE_BYTES);
    if (typeof ends === 'number') return undefined;
    this.open += 1;
    return new Pipe(ends, this.calls);
  }

  /** Takes back a pipe; one that still holds bytes is closed. */
  give(pipe: Pipe): void {
    if (pipe.holds === 0 && this.idle.length < KEPT) {
      this.idle.push(pipe);
      return;
    }
    this.calls.closePipe(pipe.ends);
    this.open -= 1;
  }
}
