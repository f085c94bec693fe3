import { Errno } from '../../../../src/linux/errno.ts';
import type { Pipe } from '../../../../src/linux/splice.ts';
import { RecordedCalls } from './pipe-calls.ts';

/** What is in a pipe, by a book of the test's own. */
interface Content {
  bytes: number;
  /** The socket that they came from; after that the one that came last. */
  source: number;
}

/** The two sockets of a relay. */
export interface Joint {
  readonly sockets: readonly number[];
  /** Calls before a failure is made up. */
  good: number;
  /** A failure was made up for one of them. */
  hasFailed: boolean;
}

/** What happened to the calls, and how often. */
interface Count {
  short: number;
  interrupted: number;
  failed: number;
  /** A pipe went from one source to another. */
  reused: number;
  /** A pipe was closed with bytes in it. */
  closedFull: number;
}

/**
 * The system's calls as they are on bad days: pieces are short, signals interrupt, either side fails, and the world goes on
 * in the middle of a move. They throw when a pipe is used that is closed, that has another flow's bytes in it, or when bytes
 * come out at another socket than the one opposite to where they went in.
 */
export class FaultyCalls extends RecordedCalls {
  readonly count: Count = { short: 0, interrupted: 0, failed: 0, reused: 0, closedFull: 0 };
  /** Called in the middle of moves. */
  meanwhile: () => void = () => undefined;
  private readonly joints = new Map<number, Joint>();
  private readonly contents = new Map<number, Content>();
  private readonly random: () => number;

  constructor(random: () => number) {
    super();
    this.random = random;
  }

  /** From now on these are the two sockets of a relay, for which the call fails that comes after `good` ones. */
  join(one: number, other: number, good: number): Joint {
    const joint = { sockets: [one, other], good, hasFailed: false };
    this.joints.set(one, joint).set(other, joint);
    return joint;
  }

  override openPipe(capacity: number): Pipe | number {
    if (this.random() < 0.05) return -Errno.EMFILE;
    const pipe = super.openPipe(capacity);
    if (typeof pipe === 'number') return pipe;
    const content = { bytes: 0, source: 0 };
    this.contents.set(pipe.readEnd, content).set(pipe.writeEnd, content);
    return pipe;
  }

  override closePipe(pipe: Pipe): void {
    if ((this.contents.get(pipe.readEnd)?.bytes ?? 0) > 0) this.count.closedFull += 1;
    this.contents.delete(pipe.readEnd);
    this.contents.delete(pipe.writeEnd);
    super.closePipe(pipe);
  }

  override splice(from: number, to: number, length: number): number {
    const filled = this.contents.get(to);
    const drained = this.contents.get(from);
    if ((filled === undefined) === (drained === undefined)) throw new Error('not one pipe that is open');
    if (filled !== undefined && filled.bytes > 0)
      throw new Error(`filled while ${filled.bytes} bytes are in it`);
    const joint = this.joints.get(filled === undefined ? to : from);
    if (joint === undefined) throw new Error('not the socket of a relay');
    if (drained !== undefined && (drained.source === to || !joint.sockets.includes(drained.source)))
      throw new Error('bytes come out at another socket than the opposite one');
    const dice = this.random();
    if (dice < 0.05) this.meanwhile();
    else if (dice < 0.1) {
      this.count.interrupted += 1;
      return -Errno.EINTR;
    } else if (joint.good-- <= 0) {
      this.count.failed += 1;
      joint.hasFailed = true;
      return filled === undefined ? -Errno.EPIPE : -Errno.ECONNRESET;
    }
    const most = this.random() < 0.5 ? length : 1 + Math.floor(this.random() ** 4 * length);
    if (most < length) this.count.short += 1;
    const n = super.splice(from, to, most);
    if (n > 0 && filled !== undefined) {
      if (filled.source !== 0 && filled.source !== from) this.count.reused += 1;
      filled.source = from;
      filled.bytes = n;
    }
    if (n > 0 && drained !== undefined) drained.bytes -= n;
    return n;
  }
}
