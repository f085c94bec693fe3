import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where distributions have the library in which all of nft is. */
const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/lib64',
  '/usr/lib',
].map((directory) => join(directory, 'libnftables.so.1'));

/**
 * Tells this nft on this kernel from any other, an update of either included, by files alone: starting the program would
 * cost each `up` ten milliseconds.
 */
export function nftIdentity(path = process.env.PATH ?? ''): string {
  const program = path
    .split(':')
    .map((directory) => fileIdentity(join(directory, 'nft')))
    .find((identity) => identity !== undefined);
  const libraries = LIBRARIES.flatMap((file) => fileIdentity(file) ?? []);
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  return [program ?? 'no nft', ...libraries, kernel].join(' ');
}

function fileIdentity(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}
