import { writeSync } from 'node:fs';

/** pino's numbers. */
const LEVELS = { error: 50, warn: 40, info: 30, debug: 20 } as const;
/** `:tproxy_debug_level:` → the least of pino's numbers that is written. */
const LEAST = [50, 40, 30, 20] as const;

/**
 * Log lines in the form of pino on a descriptor that was opened with more privileges than the process has now. pino itself
 * would double the memory of a listener.
 */
export class LineLog {
  /** 0 = ERROR, 1 = WARNING, 2 = INFO, 3 = DEBUG. */
  level: number;
  private readonly fd: number;
  private readonly bindings: Record<string, unknown>;

  constructor(fd: number, level: number, bindings: Record<string, unknown>) {
    this.fd = fd;
    this.level = level;
    this.bindings = bindings;
  }

  error(message: string, fields: Record<string, unknown>): void {
    this.write(LEVELS.error, message, fields);
  }

  warn(message: string, fields: Record<string, unknown>): void {
    this.write(LEVELS.warn, message, fields);
  }

  info(message: string, fields: Record<string, unknown>): void {
    this.write(LEVELS.info, message, fields);
  }

  private write(level: number, msg: string, fields: Record<string, unknown>): void {
    if (level < (LEAST[this.level] ?? LEVELS.info)) return;
    try {
      writeSync(
        this.fd,
        `${JSON.stringify({ level, time: Date.now(), pid: process.pid, ...this.bindings, ...fields, msg })}\n`,
      );
    } catch {
      // A full disk must not stop guests.
    }
  }
}
