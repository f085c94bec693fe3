import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TproxyError } from '../errors.ts';
import { tryLock } from '../linux/descriptor.ts';
import { LOCK_FILE } from './paths.ts';
import { ensureRunDirectory } from './run-directory.ts';

const WAIT_MS = 60_000;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 25;

/**
 * Runs `task` while holding the one lock of this host: everything that changes plumbing or processes happens inside it.
 * Waits a minute at the most. The lock goes with the process, however it ends.
 */
export async function withLock<T>(task: () => Promise<T>): Promise<T> {
  ensureRunDirectory();
  const fd = openSync(LOCK_FILE, 'a', 0o600);
  try {
    const giveUpAt = performance.now() + WAIT_MS;
    for (let pause = FIRST_PAUSE_MS; !tryLock(fd); pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      if (performance.now() > giveUpAt) {
        throw new TproxyError(`another tproxy command has held ${LOCK_FILE} for ${WAIT_MS / 1000} s`, {
          code: 'LOCKED',
          remedy: `find out which one: fuser ${LOCK_FILE}`,
        });
      }
      await sleep(pause);
    }
    return await task();
  } finally {
    closeSync(fd);
  }
}
