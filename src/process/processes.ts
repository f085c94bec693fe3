import { readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isBridgeName, listenerTitle, netnsName, PREFIX } from '../model/names.ts';
import { netnsPath } from './paths.ts';
import { DRAINING_TITLE, HOST_VARIABLE, ROLE_VARIABLE, WATCH_TITLE } from './roles.ts';

export type Role = 'watch' | 'forwarder' | 'draining' | 'listener';

const ROOT_ROLES: ReadonlyMap<string, Role> = new Map([
  [PREFIX, 'forwarder'],
  [DRAINING_TITLE, 'draining'],
  [WATCH_TITLE, 'watch'],
]);

/** A process of ours on this host. */
export interface OwnProcess {
  readonly pid: number;
  readonly role: Role;
  /** Of a listener. */
  readonly bridge: string | undefined;
  /** A listener whose netns is no longer that of its bridge. */
  readonly astray: boolean;
}

/** Inode of a namespace file (`/proc/PID/ns/net`, `/run/netns/NAME`), or undefined when there is no namespace behind it. */
export function namespaceInode(path: string): number | undefined {
  try {
    // A leftover file of a deleted netns lies on the tmpfs of /run; only a mounted one is a namespace (nsfs has no size).
    const { ino, dev } = statSync(path);
    return dev === nsfsDevice() ? ino : undefined;
  } catch {
    return undefined;
  }
}

/** Inode of the netns of a bridge, or undefined when there is none. */
export function bridgeNetns(bridge: string): number | undefined {
  return namespaceInode(netnsPath(netnsName(bridge)));
}

let knownNsfs: number | undefined;
function nsfsDevice(): number {
  knownNsfs ??= statSync('/proc/self/ns/net').dev;
  return knownNsfs;
}

/** Inode of the network namespace of this process: the host's, as far as this program is concerned. */
export function hostInode(): number {
  return statSync('/proc/self/ns/net').ino;
}

/** Title of a process: all of its command line, or its first word for the watch, which has arguments. */
export function titleOf(pid: number): string {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0+$/, '');
    return line.startsWith(`${WATCH_TITLE}\0`) ? WATCH_TITLE : line;
  } catch {
    return '';
  }
}

export function environmentOf(pid: number): ReadonlyMap<string, string> {
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return new Map(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
  } catch {
    return new Map();
  }
}

/** True when all of its user ids are root's: those of a program that a local user runs setuid are not. */
export function isRoots(pid: number): boolean {
  try {
    return /^Uid:\t0\t0\t0\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** True for a process that root has put into another network namespace: whoever else does so has a user namespace of its own. */
export function wasPutElsewhere(pid: number, host: number): boolean {
  const [network, user] = [namespaceInode(`/proc/${pid}/ns/net`), namespaceInode(`/proc/${pid}/ns/user`)];
  return network !== host && user === namespaceInode('/proc/self/ns/user');
}

/**
 * The process `pid` if it is ours: title, environment, user and network namespace must all say so. The user of a listener may be
 * any: it counts that only root could put it where it is.
 */
export function ownProcess(pid: number, host: number): OwnProcess | undefined {
  const title = titleOf(pid);
  const rootRole = ROOT_ROLES.get(title);
  if (rootRole !== undefined) {
    if (environmentOf(pid).get(ROLE_VARIABLE) !== 'forwarder') return undefined;
    if (namespaceInode(`/proc/${pid}/ns/net`) !== host || !isRoots(pid)) return undefined;
    return { pid, role: rootRole, bridge: undefined, astray: false };
  }
  if (!title.startsWith(`${PREFIX}_`)) return undefined;
  const bridge = title.slice(PREFIX.length + 1);
  if (!isBridgeName(bridge)) return undefined;
  const environment = environmentOf(pid);
  if (environment.get(ROLE_VARIABLE) !== listenerTitle(bridge)) return undefined;
  if (environment.get(HOST_VARIABLE) !== String(host) || !wasPutElsewhere(pid, host)) return undefined;
  const inode = namespaceInode(`/proc/${pid}/ns/net`);
  const astray = inode === undefined || inode !== bridgeNetns(bridge);
  return { pid, role: 'listener', bridge, astray };
}

/** All of our processes on this host: the forwarder, draining ones, listeners by the name of their bridge. */
export function ownProcesses(): OwnProcess[] {
  const host = hostInode();
  const order: readonly Role[] = ['watch', 'forwarder', 'draining', 'listener'];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .map((pid) => ownProcess(pid, host))
    .filter((found) => found !== undefined)
    .sort(
      (a, b) =>
        order.indexOf(a.role) - order.indexOf(b.role) ||
        (a.bridge ?? '').localeCompare(b.bridge ?? '') ||
        a.pid - b.pid,
    );
}

/** True while the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

const POLL_MS = 5;

/**
 * Sends `signal` to processes and waits until they are gone; those that stay `graceMs` are killed. A number that stands
 * for another process meanwhile is left alone.
 */
export async function endProcesses(
  found: readonly OwnProcess[],
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<void> {
  const host = hostInode();
  const isSame = ({ pid, bridge }: OwnProcess): boolean => {
    const now = ownProcess(pid, host);
    return now !== undefined && now.bridge === bridge;
  };
  await endAll(found, isSame, signal, graceMs);
}

/** The same for processes that `isSame` knows again. */
export async function endAll<P extends { readonly pid: number }>(
  found: readonly P[],
  isSame: (process: P) => boolean,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<void> {
  const send = (process_: P, which: NodeJS.Signals): void => {
    try {
      if (isSame(process_)) process.kill(process_.pid, which);
    } catch {
      // It went away by itself.
    }
  };
  for (const process_ of found) send(process_, signal);
  const killAt = performance.now() + graceMs;
  let killed = false;
  for (;;) {
    const left = found.filter((process_) => isAlive(process_.pid) && isSame(process_));
    if (left.length === 0 || performance.now() > killAt + 5000) return;
    if (!killed && performance.now() >= killAt) {
      killed = true;
      for (const process_ of left) send(process_, 'SIGKILL');
    }
    await sleep(POLL_MS);
  }
}
