import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isCode, messageOf, TproxyError } from '../errors.ts';

/** `stale`: a file in `/run/netns` with no namespace of its own behind it. */
export type NetnsState = 'missing' | 'stale' | 'present';

/** A point in time that no clock jump moves: seconds since a certain boot. */
export interface Moment {
  readonly bootId: string;
  readonly uptimeS: number;
}

/**
 * Facts of the host that are files and cost no process. All of the caller's network namespace. Read without node's threads:
 * the kernel has the answers at hand, and starting threads takes longer than they.
 */
export interface Host {
  /** Names of all network devices. */
  deviceNames(): Promise<ReadonlySet<string>>;
  netnsState(netns: string): Promise<NetnsState>;
  /** Names of all netns files, those without a namespace behind them too. */
  netnsNames(): Promise<readonly string[]>;
  /** Tells this host, since it was booted, from any other one. */
  identity(): Promise<string>;
  now(): Promise<Moment>;
}

const OWN_NETNS = '/proc/self/ns/net';

export const thisHost: Host = {
  // Not /sys/class/net: it shows the namespace that mounted it, which need not be the one we are in.
  async deviceNames() {
    const lines = readFileSync('/proc/self/net/dev', 'utf8').split('\n');
    return new Set(
      lines.flatMap((line) => (line.includes(':') ? [line.slice(0, line.indexOf(':')).trim()] : [])),
    );
  },

  async netnsState(netns) {
    const own = statSync(OWN_NETNS);
    const file = orMissing(() => statSync(`/run/netns/${netns}`), undefined);
    if (file === undefined) return 'missing';
    // A namespace's file lies on nsfs. One that leads to our own namespace would have us change the host's settings.
    return file.dev === own.dev && file.ino !== own.ino ? 'present' : 'stale';
  },

  async netnsNames() {
    return orMissing(() => readdirSync('/run/netns'), []);
  },

  async identity() {
    // Hypervisors that share a kernel, as in tests, differ by their namespace.
    return `${readBootId()}/${statSync(OWN_NETNS).ino}`;
  },

  async now() {
    const [seconds] = readFileSync('/proc/uptime', 'utf8').split(' ');
    return { bootId: readBootId(), uptimeS: Number(seconds) };
  },
};

function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** What `look` finds; `missing` when there is no such file. Any other error says what to do. */
function orMissing<T, M>(look: () => T, missing: M): T | M {
  try {
    return look();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return missing;
    throw new TproxyError(messageOf(error), { remedy: 'check the file system', cause: error });
  }
}
