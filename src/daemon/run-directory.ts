import { lstatSync, mkdirSync } from 'node:fs';
import { TproxyError } from '../errors.ts';
import { RUN_DIRECTORY } from './paths.ts';

/** Nobody but its owner lists or changes it; a listener opens its own socket in it. */
const MODE = 0o711;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes the directory of the runtime files where it is missing. Throws when it is not ours alone: whoever can write there could
 * put sockets, records and settings of their own in the place of ours.
 */
export function ensureRunDirectory(path = RUN_DIRECTORY): void {
  mkdirSync(path, { recursive: true, mode: MODE });
  const found = lstatSync(path);
  if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & WRITABLE_BY_OTHERS) === 0)
    return;
  throw new TproxyError(
    `${path}: is no directory that only root can write to; see who made it, remove it and try again`,
  );
}
