import { type ChildProcess, spawn } from 'node:child_process';
import { CommandError, MissingToolError } from '../errors.ts';

/** Output of a program that exited with 0. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Text for the program's standard input. */
  readonly input?: string;
  /** Default 10 000. The program is killed then. */
  readonly timeoutMs?: number;
}

/**
 * The seam through which programs run: argument arrays only, no shell, in the caller's network namespace.
 * Rejects with `MissingToolError` or `CommandError`.
 */
export type Run = (command: string, args: readonly string[], options?: RunOptions) => Promise<RunResult>;

const DEFAULT_TIMEOUT_MS = 10_000;
/** Between being asked to end and being killed. */
const KILL_DELAY_MS = 500;
/** Far above the biggest honest answer (500 maps of `nft -j` are about 200 KB). */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const REMEDY: Record<string, string> = {
  nft: 'install the package nftables',
  ip: 'install the package iproute2',
  nsenter: 'install the package util-linux',
  setpriv: 'install the package util-linux',
};

/** Why a program was ended by us. */
type Ended = 'too late' | 'too much output';

/** `Run` on the real machine. */
export const runProgram: Run = (command, args, options = {}) => {
  const { input = '', timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, LC_ALL: 'C' } });
    let ended: Ended | undefined;
    const end = (why: Ended): void => {
      if (ended !== undefined) return;
      ended = why;
      endProgram(child);
    };
    const timer = setTimeout(end, timeoutMs, 'too late');
    const stdout = collect(child.stdout, () => end('too much output'));
    const stderr = collect(child.stderr, () => end('too much output'));
    // A program may end before it has read its input: its exit status says why.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(notStarted(command, error));
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0 && ended === undefined) resolve({ stdout: stdout(), stderr: stderr() });
      else reject(failure(command, args, { status, signal, ended, timeoutMs, stderr: stderr().trim() }));
    });
  });
};

function collect(stream: NodeJS.ReadableStream, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    else tooMuch();
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function endProgram(child: ChildProcess): void {
  child.kill('SIGTERM');
  const killer = setTimeout(() => {
    child.kill('SIGKILL');
    // What it started may hold its output open for ever: nobody waits for that.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, KILL_DELAY_MS);
  child.on('close', () => clearTimeout(killer));
}

function notStarted(command: string, error: Error & { code?: string }): Error {
  if (error.code === 'ENOENT') {
    const remedy = REMEDY[command] ?? `install it or correct PATH (${process.env.PATH ?? ''})`;
    return new MissingToolError(command, remedy);
  }
  return new CommandError(`${command}: can't be started: ${error.message}`, { command, cause: error });
}

interface Failure {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly ended: Ended | undefined;
  readonly timeoutMs: number;
  readonly stderr: string;
}

const SHOWN_LINES = 5;

function failure(command: string, args: readonly string[], how: Failure): CommandError {
  const line = [command, ...args].join(' ');
  return new CommandError(`${line}: ${reason(how)}`, {
    command: line,
    status: how.ended === undefined ? (how.status ?? undefined) : undefined,
    stderr: how.stderr,
  });
}

function reason({ status, signal, ended, timeoutMs, stderr }: Failure): string {
  if (ended === 'too late') return `no answer within ${timeoutMs / 1000} s`;
  if (ended === 'too much output') return `more than ${MAX_OUTPUT_BYTES} bytes of output`;
  if (stderr !== '') return stderr.split('\n').slice(0, SHOWN_LINES).join('; ');
  return signal === null ? `exit status ${status}` : `ended by ${signal}`;
}
