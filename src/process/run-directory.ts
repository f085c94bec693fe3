import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isCode, TproxyError } from '../errors.ts';
import { RUN_DIRECTORY } from './paths.ts';

/** Nobody but its owner lists or changes it; a listener opens its own socket below it. */
const MODE = 0o711;
/** Write permission of group and others. */
export const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes the directory of the runtime files where it is missing. Where others can write to it, their right is taken away and what
 * they have put there with it. Throws when it is not ours: whoever owns it can put sockets, records and settings of their own in
 * the place of ours.
 */
export function ensureRunDirectory(path = RUN_DIRECTORY): void {
  mkdirSync(path, { recursive: true, mode: MODE });
  const found = lstatSync(path);
  if (!found.isDirectory() || !isOurs(found)) {
    throw new TproxyError(`${path}: not a directory owned by root`, {
      remedy: 'find out what made it, remove it and try again',
    });
  }
  if ((found.mode & WRITABLE_BY_OTHERS) === 0) return;
  chmodSync(path, MODE);
  for (const name of readdirSync(path)) {
    if (!isOurs(lstatSync(join(path, name)))) rmSync(join(path, name), { recursive: true, force: true });
  }
}

function isOurs({ uid }: { readonly uid: number }): boolean {
  return uid === process.geteuid?.();
}

/** True when NICs of VMs, or operators, are recorded as attached to some bridge. Files of the driver; nothing is read of them. */
export function hasAttachmentRecords(path = `${RUN_DIRECTORY}/attachments`): boolean {
  try {
    return readdirSync(path).some((name) => name.endsWith('.json'));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}
