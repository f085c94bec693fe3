import { Errno } from '../linux/errno.ts';
import { addressOf, allocate } from '../linux/ffi.ts';
import { recv, send, sendLast, setNoDelay } from '../linux/tcp-socket.ts';
import type { Pipe, Pipes } from './pipes.ts';

/**
 * One socket of a relay. `readable` and `writable` remember edges: they are set by an event and cleared by the call that
 * found nothing to read or no room.
 */
export interface Socket {
  readonly fd: number;
  readable: boolean;
  writable: boolean;
  /** FIN, an error or urgent data was announced: a short read does not mean that nothing more can be read. */
  readToEnd: boolean;
  /** FIN was announced, and nothing else of the kind: a short read has read it all. */
  finSeen: boolean;
  /** Small pieces are sent at once, whatever is unacknowledged. */
  noDelay: boolean;
}

/** What stopped a flow. */
export const Progress = { waits: 0, again: 1, ended: 2, sourceFailed: 3, sinkFailed: 4 } as const;
export type Progress = (typeof Progress)[keyof typeof Progress];

/** Below this a copy through user space beats two splices (measured: see docs/performance.md). */
const COPY_BYTES = 16 * 1024;
/** Work of one flow before others get a turn. */
const WORK_PER_TURN = 64;
/** A unit of work is a move, or this much of a big one. */
const BYTES_PER_UNIT = 16 * 1024;

const buffer = allocate(COPY_BYTES);

/**
 * One direction of a relay: source ──► sink. Bytes are copied while they come in small pieces, and spliced through a pipe
 * once a read fills the buffer, until the source runs dry. Nothing is read that the sink has no room for, so what a flow
 * holds is bounded by one buffer or one pipe.
 */
export class Flow {
  bytes = 0;
  /** The source's FIN was passed on. */
  done = false;
  /** Its next turn is planned already. */
  planned = false;
  /** Units of work that the last `move` amounted to. */
  work = 0;
  private readonly source: Socket;
  private readonly sink: Socket;
  private readonly pipes: Pipes;
  private ended = false;
  private bulk = false;
  private pipe: Pipe | undefined = undefined;
  private stash: Buffer | undefined = undefined;

  /** The sink gets `header` before anything of the source. */
  constructor(source: Socket, sink: Socket, pipes: Pipes, header?: Buffer) {
    this.source = source;
    this.sink = sink;
    this.pipes = pipes;
    this.stash = header;
  }

  /** Bytes read and not passed on yet. */
  get held(): number {
    return (this.pipe?.holds ?? 0) + (this.stash?.length ?? 0);
  }

  /** Moves what can be moved now with `credit` units of work, or a little more. */
  move(credit: number): Progress {
    const most = Math.min(credit, WORK_PER_TURN);
    for (this.work = 1; this.work <= most; this.work++) {
      if (this.held > 0) {
        if (!this.sink.writable) return Progress.waits;
        if (this.flush() < 0) return Progress.sinkFailed;
        if (this.held > 0) continue;
      }
      if (this.ended) return Progress.ended;
      if (!this.source.readable || !this.sink.writable) return Progress.waits;
      const result = this.bulk ? this.spliceOnce((most - this.work + 1) * BYTES_PER_UNIT) : this.copyOnce();
      if (result !== Progress.again) return result;
    }
    return Progress.again;
  }

  /** Gives back what the flow holds; it must not be used afterwards. */
  release(): void {
    this.givePipe();
    this.stash = undefined;
  }

  private copyOnce(): Progress {
    const n = recv(this.source.fd, buffer.address, COPY_BYTES);
    if (n <= 0) return this.nothingRead(n);
    if (n < COPY_BYTES) {
      if (!this.source.readToEnd) this.source.readable = false;
    } else {
      this.bulk = true;
    }
    const isLast = n < COPY_BYTES && this.source.finSeen;
    // The first piece has nothing before it to wait for.
    if (this.bytes > 0 && !this.sink.noDelay) this.sendAtOnce();
    this.bytes += n;
    this.ended = isLast;
    const m = isLast ? sendLast(this.sink.fd, buffer.address, n) : send(this.sink.fd, buffer.address, n);
    if (m === n) return isLast ? Progress.ended : Progress.again;
    if (m < 0 && !this.noRoom(m)) return Progress.sinkFailed;
    const sent = Math.max(m, 0);
    this.stash = Buffer.allocUnsafeSlow(n - sent);
    buffer.bytes.copy(this.stash, 0, sent, n);
    return Progress.again;
  }

  private sendAtOnce(): void {
    setNoDelay(this.sink.fd);
    this.sink.noDelay = true;
  }

  private spliceOnce(most: number): Progress {
    this.pipe ??= this.pipes.take();
    if (this.pipe === undefined) {
      // Out of descriptors: copying needs none.
      this.bulk = false;
      return Progress.again;
    }
    const n = this.pipe.fill(this.source.fd, most);
    if (n === 0 || n === -Errno.EAGAIN) {
      this.leaveBulk();
      // Urgent data stops splice as if nothing, or the end, came after it. recv passes over it and has the last word: after an
      // end always, as the event that tells of urgent data may be yet to come.
      if (n === 0 || this.source.readToEnd) return Progress.again;
    }
    if (n <= 0) return this.nothingRead(n);
    this.bytes += n;
    this.work += Math.floor(n / BYTES_PER_UNIT);
    return this.flush() < 0 ? Progress.sinkFailed : Progress.again;
  }

  private nothingRead(n: number): Progress {
    if (n === 0) {
      this.ended = true;
      return Progress.ended;
    }
    if (n === -Errno.EINTR) return Progress.again;
    if (n !== -Errno.EAGAIN) return Progress.sourceFailed;
    this.source.readable = false;
    return Progress.waits;
  }

  /** The source ran dry: what comes next may be small again, and others can use the pipe. */
  private leaveBulk(): void {
    this.bulk = false;
    this.givePipe();
  }

  private givePipe(): void {
    if (this.pipe !== undefined) this.pipes.give(this.pipe);
    this.pipe = undefined;
  }

  /** Passes on what is held. Negative when the sink failed. */
  private flush(): number {
    if (this.stash !== undefined) {
      const m = send(this.sink.fd, addressOf(this.stash), this.stash.length);
      if (m < 0) return this.noRoom(m) ? 0 : m;
      this.stash = m === this.stash.length ? undefined : this.stash.subarray(m);
      return 0;
    }
    while (this.pipe !== undefined && this.pipe.holds > 0) {
      const m = this.pipe.drain(this.sink.fd);
      if (m <= 0) return this.noRoom(m) ? 0 : m;
    }
    return 0;
  }

  private noRoom(result: number): boolean {
    if (result === -Errno.EAGAIN) this.sink.writable = false;
    return result === -Errno.EAGAIN || result === -Errno.EINTR;
  }
}
