import { mapConcurrently } from '../concurrency.ts';
import { messageOf } from '../errors.ts';
import { isSame } from './difference.ts';
import type { Looked, Task } from './host-sync.ts';
import { demandSame, follow, install, lookAt } from './host-sync.ts';
import type { Remote } from './ssh.ts';

/** Hosts at a time. */
const WIDTH = 8;

/** How far a host is. */
export type Stage = 'looking' | 'copying' | 'applying' | 'done' | 'failed';

/** `detail`: what the host says, for people. */
export type Watcher = (host: string, stage: Stage, detail?: readonly string[]) => void;

/** What became of a host. */
export type Outcome =
  | { readonly host: string; readonly is: 'done' }
  | { readonly host: string; readonly is: 'failed'; readonly reason: string };

export type Looks = ReadonlyMap<string, Looked>;

/** Looks at all hosts. Those that can't be looked at are among `failed`. */
export async function lookAtAll(
  hosts: readonly string[],
  remoteOf: (host: string) => Remote,
  task: Task,
  watch: Watcher,
): Promise<{ readonly looks: Looks; readonly failed: readonly Outcome[] }> {
  const found = new Map<string, Looked>();
  const outcomes = await eachHost(hosts, watch, async (host) => {
    watch(host, 'looking');
    const looked = await lookAt(remoteOf(host), task);
    found.set(host, looked);
    watch(host, 'looking', looked.lines);
  });
  // In the order of the hosts, whichever answered first.
  const looks = new Map(hosts.flatMap((host) => entryOf(found, host)));
  return { looks, failed: outcomes.filter(({ is }) => is === 'failed') };
}

function entryOf<T>(map: ReadonlyMap<string, T>, key: string): readonly (readonly [string, T])[] {
  const value = map.get(key);
  return value === undefined ? [] : [[key, value]];
}

/** Brings files to the hosts that were looked at, where they differ, and has each follow them. */
export async function bringTo(
  looks: Looks,
  remoteOf: (host: string) => Remote,
  task: Task & {
    /** A tar archive of the files; undefined: onehost has copied them. */
    readonly archive: string | undefined;
  },
  watch: Watcher,
): Promise<readonly Outcome[]> {
  return eachHost([...looks.keys()], watch, async (host) => {
    const difference = looks.get(host)?.difference;
    if (difference === undefined) return;
    const remote = remoteOf(host);
    if (!isSame(difference)) {
      watch(host, 'copying');
      if (task.archive === undefined) await demandSame(remote, task);
      else await install(remote, task.archive, task, difference);
    }
    watch(host, 'applying');
    watch(host, 'done', await follow(remote, task, difference));
  });
}

/** A few hosts at a time; one that fails keeps no other from its turn. */
async function eachHost(
  hosts: readonly string[],
  watch: Watcher,
  task: (host: string) => Promise<void>,
): Promise<readonly Outcome[]> {
  return mapConcurrently(hosts, WIDTH, async (host): Promise<Outcome> => {
    try {
      await task(host);
      return { host, is: 'done' };
    } catch (error) {
      const reason = messageOf(error);
      watch(host, 'failed', [reason]);
      return { host, is: 'failed', reason };
    }
  });
}
