import { execa } from 'execa';
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
/** Far above the biggest honest answer (500 maps of `nft -j` are about 200 KB). */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const REMEDY: Record<string, string> = {
  nft: 'install the package nftables',
  ip: 'install the package iproute2',
  nsenter: 'install the package util-linux',
  setpriv: 'install the package util-linux',
};

/** `Run` on the real machine. */
export const runProgram: Run = async (command, args, options = {}) => {
  const timeout = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const result = await execa(command, args, {
    input: options.input ?? '',
    timeout,
    forceKillAfterDelay: 500,
    maxBuffer: MAX_OUTPUT_BYTES,
    reject: false,
    env: { LC_ALL: 'C' },
  });
  if (!result.failed) return { stdout: result.stdout, stderr: result.stderr };
  if (result.code === 'ENOENT') {
    throw new MissingToolError(
      command,
      REMEDY[command] ?? `install it or correct PATH (${process.env.PATH ?? ''})`,
    );
  }
  const line = [command, ...args].join(' ');
  const stderr = typeof result.stderr === 'string' ? result.stderr.trim() : '';
  const why = result.timedOut
    ? `no answer within ${timeout / 1000} s`
    : stderr === ''
      ? result.shortMessage
      : stderr.split('\n').slice(0, 5).join('; ');
  throw new CommandError(`${line}: ${why}`, {
    command: line,
    status: result.exitCode,
    stderr,
    cause: result,
  });
};
