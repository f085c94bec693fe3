import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/**
 * Programs of the benchmark. Not `src/system/run.ts`: what measures two revisions of the program must not change with
 * one of them, and a measurement needs process groups, logs in files and times.
 */

export interface RunOptions {
  readonly input?: string;
  /** Default 20 000; the whole process group is killed then. */
  readonly timeoutMs?: number;
}

export interface Finished {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start to the exit. */
  readonly elapsedMs: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;

/** Runs a program to its end; a status other than 0 is an answer like any other. Rejects when it can't be started. */
export function attempt(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [command = '', ...args] = argv;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(command, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    let elapsedMs = 0;
    const timer = setTimeout(() => {
      stderr += `no end within ${timeoutMs / 1000} s, killed`;
      killGroup(child.pid);
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`${command}: ${error.message}`));
    });
    child.on('exit', (status) => {
      elapsedMs = performance.now() - startedAt;
      clearTimeout(timer);
      // A daemon that kept our pipes open must not keep us waiting for their end.
      const grace = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 200);
      child.on('close', () => {
        clearTimeout(grace);
        resolve({ status: status ?? undefined, stdout, stderr, elapsedMs });
      });
    });
  });
}

/** Output of a program that must succeed. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const finished = await attempt(argv, options);
  if (finished.status === 0) return finished.stdout;
  throw failure(argv, finished);
}

function failure(argv: readonly string[], { status, stdout, stderr }: Finished): Error {
  const why = (stderr.trim() || stdout.trim()).split('\n').slice(-8).join('\n  ');
  return new Error(`${shown(argv)} failed (${status ?? 'killed'})\n  ${why}`);
}

/** Milliseconds from the start to the exit of a program that must succeed. */
export async function elapsedMs(argv: readonly string[], options: RunOptions = {}): Promise<number> {
  const finished = await attempt(argv, options);
  if (finished.status === 0) return finished.elapsedMs;
  throw failure(argv, finished);
}

/** A server of the benchmark. */
export interface Background {
  readonly pid: number;
  /** The last lines it wrote. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts a program that stays; both its outputs go to `logFile`. */
export function startBackground(argv: readonly string[], logFile: string): Background {
  const [command = '', ...args] = argv;
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  if (child.pid === undefined) throw new Error(`${shown(argv)}: can't be started`);
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
    child.on('error', () => resolve());
  });
  const { pid } = child;
  return {
    pid,
    log: () => readFileSync(logFile, 'utf8').trim().split('\n').slice(-8).join('\n  '),
    stop: async () => {
      killGroup(pid);
      await ended;
    },
  };
}

export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

/** A command line for people: without the `nsenter … --` before it. */
function shown(argv: readonly string[]): string {
  return argv.slice(argv[0] === 'nsenter' ? argv.indexOf('--') + 1 : 0).join(' ');
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tries until it succeeds; rejects with the last error when the time is over. */
export async function eventually<T>(timeoutMs: number, trial: () => Promise<T> | T): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await trial();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
