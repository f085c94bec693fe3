import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode, TproxyError } from '../errors.ts';
import type { Run } from '../system/run.ts';

/** Path relative to the remotes directory → SHA-256 in hexadecimal. */
export type Sums = ReadonlyMap<string, string>;

/** What goes to hypervisors, relative to the remotes directory: drivers with this program, and their configuration. */
const PARTS = ['vnm', 'etc/vnm'];
export const EXECUTABLE = 'vnm/tproxy';
/** Ours alone: what is no longer in it goes from the hosts as well. */
export const LIBRARY = 'vnm/tproxy.d';
export const CONFIGURATION = 'etc/vnm/OpenNebulaNetwork.conf';

/** Sums of all files of the tree in `remotes`. */
export async function sumsOf(remotes: string): Promise<Sums> {
  const sums = new Map<string, string>();
  for (const part of PARTS) {
    for (const path of await filesBelow(remotes, part)) {
      const digest = createHash('sha256').update(await readFile(join(remotes, path)));
      sums.set(path, digest.digest('hex'));
    }
  }
  if (!sums.has(EXECUTABLE) || ![...sums.keys()].some((path) => path.startsWith(`${LIBRARY}/`))) {
    throw new TproxyError(`${remotes}: no ${EXECUTABLE} with ${LIBRARY} in it`, {
      remedy: 'run the tproxy of a built tree',
    });
  }
  return sums;
}

async function filesBelow(remotes: string, part: string): Promise<readonly string[]> {
  const entries = await readdir(join(remotes, part), { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if (isCode(error, 'ENOENT')) return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(remotes.length + 1))
    .sort();
}

/** Packs the files into one archive, which every host gets; its path. */
export async function packTree(run: Run, remotes: string, sums: Sums, archive: string): Promise<string> {
  const input = [...sums.keys()].map((path) => `${path}\0`).join('');
  await run('tar', ['-C', remotes, '-czf', archive, '--null', '--files-from=-'], {
    input,
    timeoutMs: 60_000,
  });
  return archive;
}
