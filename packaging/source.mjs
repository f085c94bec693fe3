import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** Seconds since 1970 that every file in a package gets: SOURCE_DATE_EPOCH, else the commit's, else the lock file's. */
export function sourceDate() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  try {
    const text = execFileSync('git', ['-C', ROOT, 'log', '-1', '--format=%ct'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(text);
  } catch {
    return Math.floor(statSync(join(ROOT, 'package-lock.json')).mtimeMs / 1000);
  }
}
