import type { ChildProcess } from 'node:child_process';
import { messageOf, TproxyError } from '../../errors.ts';
import { listenerLog } from '../../process/paths.ts';

/** Starting a listener keeps a core busy for 50 ms: more at once only make each of them late. */
export const LISTENERS_AT_ONCE = 8;

/** The process of a bridge's listener, from its start until it has introduced itself. One at a time. */
export class ListenerLaunch {
  private readonly bridge: string;
  private readonly spawn: () => ChildProcess;
  private readonly onFailure: (error: TproxyError) => void;
  private child: ChildProcess | undefined;

  /** `onFailure` hears why the process that was on its way came to nothing. */
  constructor(bridge: string, spawn: () => ChildProcess, onFailure: (error: TproxyError) => void) {
    this.bridge = bridge;
    this.spawn = spawn;
    this.onFailure = onFailure;
  }

  /** Of the process that is on its way. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts a process where none is on its way. Throws when there is not even the memory for one. */
  begin(): void {
    if (this.child !== undefined) return;
    const child = this.started();
    this.child = child;
    const fail = (what: string, remedy?: string): void => {
      if (this.child !== child) return;
      this.child = undefined;
      this.onFailure(this.trouble(what, remedy));
    };
    child.once('exit', (code, signal) =>
      fail(`exited at once (${signal ?? `status ${code}`})`, `read ${listenerLog(this.bridge)}`),
    );
    // Out of descriptors, processes or memory. Heard by nobody it would end the forwarder, with all its relays.
    child.on('error', (error) => fail(`can't be started (${error.message})`));
  }

  private started(): ChildProcess {
    try {
      return this.spawn();
    } catch (error) {
      throw this.trouble(`can't be started (${messageOf(error)})`);
    }
  }

  private trouble(what: string, remedy?: string): TproxyError {
    return new TproxyError(`bridge ${this.bridge}: its listener ${what}`, { remedy });
  }

  /** The process `pid` has introduced itself; true when it is the one that was on its way. */
  arrived(pid: number): boolean {
    if (this.child === undefined || this.child.pid !== pid) return false;
    this.child = undefined;
    return true;
  }

  /** Whoever it introduces itself to, the process that is on its way is not waited for here; true when there was one. */
  letGo(): boolean {
    const wasOnItsWay = this.child !== undefined;
    this.child = undefined;
    return wasOnItsWay;
  }

  /** Kills the process that is on its way. */
  abandon(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }
}
