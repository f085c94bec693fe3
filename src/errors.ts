/**
 * Errors meant for an operator: the message says what failed, on which bridge, port or file, and what to do next.
 * Anything that is not a `TproxyError` is a bug and keeps its stack when it is printed.
 */

/** Exit codes of every command (contract). */
export const ExitCode = { ok: 0, failed: 1, usage: 2, notRunning: 3 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What went wrong and what to do about it: the parts of a `TproxyError`, which is how it travels between processes. */
export interface Trouble {
  readonly what: string;
  readonly remedy?: string;
}

interface ErrorDetails {
  readonly cause?: unknown;
  /** What the operator does about it: an order, as a command where there is one. */
  readonly remedy?: string | undefined;
}

/** `message` is what people read, `what; remedy`; whoever needs the parts takes the fields and never cuts the message. */
export class TproxyError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  /** What failed, on which bridge, port or file. */
  readonly what: string;
  readonly remedy: string | undefined;

  constructor(what: string, options: ErrorDetails & { code?: string; exitCode?: ExitCode } = {}) {
    const { remedy } = options;
    super(
      remedy === undefined ? what : `${what}; ${remedy}`,
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.name = new.target.name;
    this.code = options.code ?? 'FAILED';
    this.exitCode = options.exitCode ?? ExitCode.failed;
    this.what = what;
    this.remedy = remedy;
  }
}

/** `OpenNebulaNetwork.conf` is unreadable or wrong. */
export class ConfigError extends TproxyError {
  constructor(what: string, details: ErrorDetails = {}) {
    super(what, { code: 'CONFIG', exitCode: ExitCode.usage, ...details });
  }
}

/** What came in from outside (argument, template, environment) can't be used. */
export class InputError extends TproxyError {
  constructor(what: string, options: ErrorDetails & { exitCode?: ExitCode } = {}) {
    super(what, { code: 'INPUT', ...options });
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
    what: string,
    details: ErrorDetails & { command: string; status?: number | undefined; stderr?: string },
  ) {
    super(what, { code: 'COMMAND', cause: details.cause, remedy: details.remedy });
    this.command = details.command;
    this.status = details.status;
    this.stderr = details.stderr ?? '';
  }
}

/** A program that has to be installed is not there. */
export class MissingToolError extends TproxyError {
  readonly tool: string;

  constructor(tool: string, remedy: string) {
    super(`${tool}: not found`, { code: 'MISSING_TOOL', remedy });
    this.tool = tool;
  }
}

/** Needs root. */
export class PermissionError extends TproxyError {
  constructor(what: string, details: ErrorDetails = {}) {
    super(what, { code: 'PERMISSION', ...details });
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
  const remedy = 'check the file system and what is at that path';
  return new TproxyError(error.message, { code: error.code, cause: error, remedy });
}

/** An error of the system with this code, such as `ENOENT`. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The parts of whatever was thrown: for an error that wraps another one and passes its remedy on. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof TproxyError)) return { what: messageOf(error) };
  const { what, remedy } = error;
  return remedy === undefined ? { what } : { what, remedy };
}

/** The short text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
