import { readdirSync, readlinkSync } from 'node:fs';
import { isBridgeName, PREFIX } from '../model/names.ts';
import {
  bridgeNetns,
  endAll,
  environmentOf,
  hostInode,
  isRoots,
  namespaceInode,
  titleOf,
  wasPutElsewhere,
} from './processes.ts';
import { ROLE_VARIABLE } from './roles.ts';

/** A daemon of OpenNebula's own tproxy, in Ruby. It has our titles, and may hold the ports that ours are to open. */
export interface Predecessor {
  readonly pid: number;
  readonly title: string;
}

/** `/usr/bin/ruby3.1`, also after an upgrade of Ruby. */
const RUBY = /\/ruby[\d.]*( \(deleted\))?$/;
const GRACE_MS = 5000;

/** Those of this host: root's Ruby, under a title of ours, in the namespace that the title names. */
export function predecessors(): readonly Predecessor[] {
  const host = hostInode();
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .flatMap((pid) => predecessor(pid, host) ?? [])
    .sort((a, b) => a.title.localeCompare(b.title) || a.pid - b.pid);
}

/** Ends all of them; resolves with those that ran. */
export async function endPredecessors(): Promise<readonly Predecessor[]> {
  const found = predecessors();
  const host = hostInode();
  const isSame = ({ pid, title }: Predecessor): boolean => predecessor(pid, host)?.title === title;
  if (found.length > 0) await endAll(found, isSame, 'SIGTERM', GRACE_MS);
  return found;
}

function predecessor(pid: number, host: number): Predecessor | undefined {
  const title = titleOf(pid);
  if (title !== PREFIX && !title.startsWith(`${PREFIX}_`)) return undefined;
  if (environmentOf(pid).has(ROLE_VARIABLE) || !isRoots(pid) || !RUBY.test(executableOf(pid)))
    return undefined;
  const found = { pid, title };
  if (title === PREFIX) return namespaceInode(`/proc/${pid}/ns/net`) === host ? found : undefined;
  const bridge = title.slice(PREFIX.length + 1);
  if (!isBridgeName(bridge) || !wasPutElsewhere(pid, host)) return undefined;
  const inode = namespaceInode(`/proc/${pid}/ns/net`);
  return inode !== undefined && inode === bridgeNetns(bridge) ? found : undefined;
}

function executableOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}
