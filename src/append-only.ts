import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { TproxyError } from './errors.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
/** Root writes, its group reads. */
const MODE = 0o640;

/**
 * Opens (makes) a log file for appending. Throws when it can't be opened, and when it is anything else than a file of our own
 * with one name: whoever may write to the directory must not choose where root writes to.
 */
export function openForAppending(path: string): number {
  // Not blocking, or a named pipe in its place would be waited for.
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE);
  const { nlink, uid } = fstatSync(fd);
  if (fstatSync(fd).isFile() && nlink === 1 && uid === process.geteuid?.()) return fd;
  closeSync(fd);
  throw new TproxyError(`${path}: not a root-owned regular file with one link`, { remedy: 'move it away' });
}
