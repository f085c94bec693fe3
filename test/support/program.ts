import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { CONDITION_MS, PROGRAM_MS } from './patience.ts';

export interface RunOptions {
  /** Text for standard input. */
  readonly input?: string | Uint8Array;
  /** Added to the few variables that a program in a sandbox gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `PROGRAM_MS`. The program and its children are killed then, and the call rejects. */
  readonly timeoutMs?: number;
}

export interface Finished {
  /** Exit status; 128 + signal number for a program that a signal ended. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that has exited while something else still holds its output open would hang whoever called it. */
const HELD_OUTPUT_MS = 3_000;
/** The last output may be read after the exit is known, later still by a test that waits for the processor. */
const LAST_OUTPUT_MS = 1_000;
const SIGNALS: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/**
 * Nothing of the test runner's environment leaks into the program under test. SHLVL: a first bash whose standard input is a
 * socket, as Node's pipes are, reads the user's .bashrc.
 */
function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
  return { PATH: path, HOME: '/root', USER: 'root', LC_ALL: 'C', SHLVL: '2', ...extra };
}

/** How to get to where a program shall run. */
export interface Way {
  /** Command line in front of the program's own. */
  readonly enter: readonly string[];
  /**
   * The first program of `enter` stays as the parent and gives on the exit status (`nsenter --pid` does). Signals go
   * past it then: were it killed as well, its child would become a zombie of the machine's init, and a process
   * namespace takes until that is collected to end.
   */
  readonly stays: boolean;
}

function commandLine(way: Way, argv: readonly string[]): { file: string; args: string[]; title: string } {
  // The child of a parent that stays needs a process group of its own to be signalled with all it starts.
  const [file, ...args] = [...way.enter, ...(way.stays ? ['setsid'] : []), ...argv];
  if (file === undefined || argv.length === 0) throw new Error('no program given');
  return { file, args, title: argv.join(' ') };
}

function signalGroup(way: Way, pid: number, signal: NodeJS.Signals): void {
  for (const leader of way.stays ? childrenOf(pid) : [pid]) send(leader, signal);
  // nsenter stops when its child is stopped, and would not see it die. On waking it wakes its child, too.
  if (way.stays && (signal === 'SIGKILL' || signal === 'SIGCONT')) send(pid, 'SIGCONT');
}

function send(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // Gone between the look and the signal, or no group of its own yet.
  }
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** A program that runs beside the test: a server, a client that stays. */
export class Program {
  /** What it printed so far, stdout and stderr as they came. */
  output = '';
  readonly stdin: Writable;
  readonly exited: Promise<number>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #way: Way;
  readonly #title: string;
  readonly #waiters = new Set<() => void>();
  #status: number | undefined;

  constructor(way: Way, argv: readonly string[], env?: Readonly<Record<string, string>>) {
    const { file, args, title } = commandLine(way, argv);
    this.#way = way;
    this.#title = title;
    // A group of its own, so that what it starts is killed with it.
    this.#child = spawn(file, args, {
      env: environment(env),
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.stdin = this.#child.stdin;
    // The program may end before it has read everything.
    this.stdin.on('error', () => {});
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#wake();
      });
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.output += `${error.message}\n`;
        this.#finish(127, resolve);
      });
      // `close` comes after the last output; a child of its own that holds the pipe must not delay the answer for ever.
      this.#child.once('exit', (code, signal) => {
        const status = statusOf(code, signal);
        const late = setTimeout(() => this.#finish(status, resolve), LAST_OUTPUT_MS);
        this.#child.once('close', () => {
          clearTimeout(late);
          this.#finish(status, resolve);
        });
      });
    });
  }

  /** Process id of what was started here: the `nsenter` in front of the program. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Undefined while it runs. */
  get status(): number | undefined {
    return this.#status;
  }

  get lines(): string[] {
    return this.output.split('\n').filter((line) => line !== '');
  }

  /** Resolves with the match once the output has `pattern`; rejects with the whole output when it ends before or takes too long. */
  async waitFor(pattern: RegExp, timeoutMs = CONDITION_MS): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      const left = deadline - Date.now();
      if (this.#status !== undefined || left <= 0) {
        const why = this.#status === undefined ? `not within ${timeoutMs} ms` : `exited with ${this.#status}`;
        throw new Error(`${this.#title}: no ${pattern} (${why}); its output:\n${this.output}`);
      }
      await this.#change(left);
    }
  }

  /** Resolves with the exit status; kills and rejects when it takes longer. */
  async end(timeoutMs = PROGRAM_MS): Promise<number> {
    const late = setTimeout(() => this.kill('SIGKILL'), timeoutMs);
    const started = Date.now();
    const status = await this.exited;
    clearTimeout(late);
    if (Date.now() - started >= timeoutMs) {
      throw new Error(`${this.#title}: still running after ${timeoutMs} ms; its output:\n${this.output}`);
    }
    return status;
  }

  /** Sends a signal to the program and everything in its process group. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (this.#child.pid !== undefined && this.#status === undefined) {
      signalGroup(this.#way, this.#child.pid, signal);
    }
  }

  /** Ends it: SIGTERM, after a second SIGKILL. */
  async stop(): Promise<void> {
    this.kill('SIGTERM');
    const late = setTimeout(() => this.kill('SIGKILL'), 1_000);
    await this.exited;
    clearTimeout(late);
  }

  #finish(status: number, resolve: (status: number) => void): void {
    if (this.#status !== undefined) return;
    this.#status = status;
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    resolve(status);
    this.#wake();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiters.add(done);
    });
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

/**
 * Runs a program to its end. Rejects when it takes longer than `timeoutMs`, and when it has exited but left its output
 * open in a process it started: OpenNebula's drivers would hang on that.
 */
export function runToEnd(way: Way, argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { file, args, title } = commandLine(way, argv);
  const timeoutMs = options.timeoutMs ?? PROGRAM_MS;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: environment(options.env), detached: true });
    let stdout = '';
    let stderr = '';
    let held: NodeJS.Timeout | undefined;
    const fail = (why: string) => {
      settle();
      child.stdout.destroy();
      child.stderr.destroy();
      if (child.pid !== undefined) signalGroup(way, child.pid, 'SIGKILL');
      reject(new Error(`${title}: ${why}; its output:\n${stdout}${stderr}`));
    };
    const late = setTimeout(() => fail(`still running after ${timeoutMs} ms`), timeoutMs);
    const settle = () => {
      clearTimeout(late);
      clearTimeout(held);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', (error) => fail(error.message));
    child.once('exit', () => {
      held = setTimeout(
        () => fail('has exited, but a process it started holds its output open'),
        HELD_OUTPUT_MS,
      );
    });
    child.once('close', (code, signal) => {
      settle();
      resolve({ status: statusOf(code, signal), stdout, stderr });
    });
  });
}

function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (SIGNALS[signal ?? ''] ?? 0);
}
