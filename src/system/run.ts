import type { Readable } from 'node:stream';
import { CommandError, MissingToolError } from '../errors.ts';
import { unnamedFile } from './unnamed-file.ts';

/** Output of a program that exited with 0. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Text for the program's standard input. */
  readonly input?: string;
  /**
   * What standard input is; default `socket`. nft before 1.0 opens `/dev/stdin` anew, which the kernel refuses for the
   * sockets that node gives its children; a `file` is one without a name.
   */
  readonly inputFrom?: 'socket' | 'file';
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
const SHOWN_LINES = 5;
const SHOWN_CHARACTERS = 2000;

const REMEDY: Record<string, string> = {
  nft: 'install the package nftables',
  ip: 'install the package iproute2',
  bridge: 'install the package iproute2',
  nsenter: 'install the package util-linux',
  setpriv: 'install the package util-linux',
  unshare: 'install the package util-linux',
  ssh: 'install the package openssh-client',
  scp: 'install the package openssh-client',
};

/** `Run` on the real machine. */
export const runProgram: Run = async (command, args, options = {}) => {
  // Loaded with the first program: commands that start none (status, check, --help) don't wait for it.
  const { execa } = await import('execa');
  const { input = '', inputFrom = 'socket', timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const file = inputFrom === 'file' ? unnamedFile(input) : undefined;
  const subprocess = execa(command, args, {
    ...(file === undefined ? { input } : { stdin: file }),
    timeout: timeoutMs,
    forceKillAfterDelay: KILL_DELAY_MS,
    // What execa buffers it also escapes for the message of an error: 64 MB of NUL bytes take all memory there is.
    buffer: false,
    reject: false,
    env: { LC_ALL: 'C' },
  });
  let isTooMuch = false;
  const tooMuch = (): void => {
    isTooMuch = true;
    subprocess.kill();
    subprocess.stdout.destroy();
    subprocess.stderr.destroy();
  };
  const [stdout, stderr] = [textOf(subprocess.stdout, tooMuch), textOf(subprocess.stderr, tooMuch)];
  // What the program started may hold its output open for ever after it was killed: nobody waits for that.
  const release = setTimeout(
    () => {
      subprocess.stdout.destroy();
      subprocess.stderr.destroy();
    },
    timeoutMs + 2 * KILL_DELAY_MS,
  );
  const result = await subprocess;
  clearTimeout(release);
  file?.destroy();
  if (!result.failed && !isTooMuch) return { stdout: stdout(), stderr: stderr() };
  if (result.code === 'ENOENT') {
    throw new MissingToolError(
      command,
      REMEDY[command] ?? `install it or correct PATH (${process.env.PATH ?? ''})`,
    );
  }
  const line = [command, ...args].join(' ');
  const said = stderr().trim();
  const why = isTooMuch ? `more than ${MAX_OUTPUT_BYTES} bytes of output` : reason(result, timeoutMs, said);
  throw new CommandError(`${line}: ${why}`, {
    command: line,
    status: result.timedOut || isTooMuch ? undefined : result.exitCode,
    stderr: said,
    cause: result.cause,
  });
};

/** Reads all that a program says; `tooMuch` is called instead of reading more than anything honest. */
function textOf(stream: Readable, tooMuch: () => void): () => string {
  const pieces: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MAX_OUTPUT_BYTES) tooMuch();
    else pieces.push(piece);
  });
  return () => Buffer.concat(pieces).toString();
}

/** The error of a program that exited with `status` and said `stderr`. */
export function commandFailed(line: string, status: number, stderr: string): CommandError {
  const said = stderr.trim();
  return new CommandError(`${line}: ${inShort(said) ?? `exit status ${status}`}`, {
    command: line,
    status,
    stderr: said,
  });
}

function inShort(stderr: string): string | undefined {
  if (stderr === '') return undefined;
  return stderr.split('\n', SHOWN_LINES).join('; ').slice(0, SHOWN_CHARACTERS);
}

interface Failed {
  readonly timedOut: boolean;
  readonly exitCode?: number | undefined;
  readonly signal?: NodeJS.Signals | undefined;
  readonly originalMessage?: string | undefined;
}

function reason(failed: Failed, timeoutMs: number, stderr: string): string {
  if (failed.timedOut) return `no answer within ${timeoutMs / 1000} s`;
  const said = inShort(stderr);
  if (said !== undefined) return said;
  if (failed.signal !== undefined) return `ended by ${failed.signal}`;
  return failed.exitCode === undefined
    ? `can't be started: ${failed.originalMessage}`
    : `exit status ${failed.exitCode}`;
}
