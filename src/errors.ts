/**
 * Errors meant for an operator: the message says what failed, on which bridge, port or file, and what to do next.
 * Anything that is not a `TproxyError` is a bug and keeps its stack when it is printed.
 */

/** Exit codes of every command (contract). */
export const ExitCode = { ok: 0, failed: 1, usage: 2, notRunning: 3 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export class TproxyError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(message: string, options: { code?: string; exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = options.code ?? 'FAILED';
    this.exitCode = options.exitCode ?? ExitCode.failed;
  }
}

/** `OpenNebulaNetwork.conf` is unreadable or wrong. */
export class ConfigError extends TproxyError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'CONFIG', exitCode: ExitCode.usage, cause });
  }
}

/** What came in from outside (argument, template, environment) can't be used. */
export class InputError extends TproxyError {
  constructor(message: string, options: { cause?: unknown; exitCode?: ExitCode } = {}) {
    super(message, { code: 'INPUT', ...options });
  }
}

/** A program such as `ip` or `nft` ran and said no. */
export class CommandError extends TproxyError {
  /** The command line, for people. */
  readonly command: string;
  /** Exit status; undefined when it was killed or timed out. */
  readonly status: number | undefined;
  readonly stderr: string;

  constructor(
    message: string,
    details: { command: string; status?: number | undefined; stderr?: string; cause?: unknown },
  ) {
    super(message, { code: 'COMMAND', cause: details.cause });
    this.command = details.command;
    this.status = details.status;
    this.stderr = details.stderr ?? '';
  }
}

/** A program that has to be installed is not there. */
export class MissingToolError extends TproxyError {
  readonly tool: string;

  constructor(tool: string, remedy: string) {
    super(`${tool}: not found; ${remedy}`, { code: 'MISSING_TOOL' });
    this.tool = tool;
  }
}

/** Needs root. */
export class PermissionError extends TproxyError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'PERMISSION', cause });
  }
}

/** A system call failed; `errnoName` is its symbolic name (`ECONNREFUSED`). */
export class SyscallError extends TproxyError {
  readonly syscall: string;
  readonly errno: number;
  readonly errnoName: string;

  constructor(syscall: string, errno: number, errnoName: string, context?: string) {
    super(`${syscall}${context === undefined ? '' : ` (${context})`}: ${errnoName}`, { code: errnoName });
    this.syscall = syscall;
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/** Trouble with a file, which Node tells by an error with a path in it, in words for an operator; any other error as it is. */
export function explainFileTrouble(error: unknown): unknown {
  if (!(error instanceof Error) || !('path' in error && 'code' in error && typeof error.code === 'string')) {
    return error;
  }
  const message = `${error.message}; see to the file system, and to what else lies in that place`;
  return new TproxyError(message, { code: error.code, cause: error });
}

/** An error of the system with this code, such as `ENOENT`. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The short text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
