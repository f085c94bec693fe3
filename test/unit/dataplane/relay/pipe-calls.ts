import type { PipeCalls } from '../../../../src/dataplane/relay/pipes.ts';
import { Errno } from '../../../../src/linux/errno.ts';
import { closePipe, openPipe, type Pipe, splice } from '../../../../src/linux/splice.ts';

/** The system's own calls, with a record of the pipes that are open. */
export class RecordedCalls implements PipeCalls {
  readonly open = new Set<Pipe>();

  openPipe(capacity: number): Pipe | number {
    const pipe = openPipe(capacity);
    if (typeof pipe !== 'number') this.open.add(pipe);
    return pipe;
  }

  closePipe(pipe: Pipe): void {
    if (!this.open.delete(pipe)) throw new Error('a pipe that is not open is closed');
    closePipe(pipe);
  }

  splice(from: number, to: number, length: number): number {
    return splice(from, to, length);
  }

  /** Closes those that are left. */
  dispose(): void {
    for (const pipe of this.open) this.closePipe(pipe);
  }
}

/** Calls of a process that has no descriptor for a pipe. */
export class NoPipes extends RecordedCalls {
  override openPipe(): number {
    return -Errno.EMFILE;
  }
}
