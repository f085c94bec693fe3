import { closeSync } from 'node:fs';
import { openForAppending } from '../append-only.ts';

/**
 * Has `start` start a child that writes to the log at `path`, of which the child gets a copy: a descriptor, or `ignore` where it
 * can't be opened, as a full disk must not keep guests from their services.
 */
export function withLog<T>(path: string, start: (log: number | 'ignore') => T): T {
  const log = open(path);
  try {
    return start(log);
  } finally {
    if (log !== 'ignore') closeSync(log);
  }
}

function open(path: string): number | 'ignore' {
  try {
    return openForAppending(path);
  } catch {
    return 'ignore';
  }
}
