import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import pino from 'pino';
import { openForAppending } from './append-only.ts';

export type Logger = pino.Logger;

/** `:tproxy_debug_level:` → pino's level. */
const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
const INFO_LEVEL = 30;

/** What may wait to be written; beyond it lines are dropped: a full or slow disk must not eat the memory of the program. */
const WAITING_BYTES = 4 << 20;

/** A log file of pino JSON lines. It is appended to, so that logrotate may copy and truncate it. */
export interface LogFile {
  readonly logger: Logger;
  /** Writes finished lines as they are, each with its line feed. */
  write(lines: string): void;
  setLevel(debugLevel: number): void;
  /** Writes what waits and closes the file. */
  close(): void;
}

/** Opens (makes) a log file, readable by root and its group. Trouble with the disk is never trouble for the program. */
export function openLogFile(path: string, debugLevel: number): LogFile {
  const destination = pino.destination({
    dest: openOrNull(path),
    sync: false,
    maxLength: WAITING_BYTES,
  });
  destination.on('error', () => undefined);
  const logger = pino({ level: LEVELS[debugLevel] ?? 'info', base: { pid: process.pid } }, destination);
  return {
    logger,
    write: (lines) => {
      destination.write(lines);
    },
    setLevel: (level) => {
      logger.level = LEVELS[level] ?? 'info';
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

/** Descriptor of the file, or of nothing where it can't be opened (read-only or damaged file system). */
function openOrNull(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return openForAppending(path);
  } catch {
    return openSync('/dev/null', 'a');
  }
}

/** Start of an INFO line in pino's form, up to the fields of the caller. */
export function infoLineStart(timeMs: number): string {
  return `{"level":${INFO_LEVEL},"time":${timeMs},"pid":${process.pid}`;
}
