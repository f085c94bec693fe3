import pino from 'pino';

export type Logger = pino.Logger;

/** `:tproxy_debug_level:` → pino's level. */
const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export function pinoLevel(debugLevel: number): string {
  return LEVELS[debugLevel] ?? 'info';
}

/** A log file of pino JSON lines. It is appended to, so that logrotate may copy and truncate it. */
export interface LogFile {
  readonly logger: Logger;
  setLevel(debugLevel: number): void;
  /** Writes what waits and closes the file. */
  close(): void;
}

/** Opens (makes) a log file, readable by root and its group. Trouble with the disk is never trouble for the program. */
export function openLogFile(
  path: string,
  debugLevel: number,
  bindings: Record<string, unknown> = {},
): LogFile {
  const destination = pino.destination({ dest: path, append: true, mkdir: true, sync: false, mode: 0o640 });
  destination.on('error', () => undefined);
  const logger = pino({ level: pinoLevel(debugLevel), base: { pid: process.pid, ...bindings } }, destination);
  return {
    logger,
    setLevel: (level) => {
      logger.level = pinoLevel(level);
    },
    close: () => {
      try {
        destination.flushSync();
        destination.end();
      } catch {
        // Nothing more can be written: the file could never be opened or the disk is full.
      }
    },
  };
}
