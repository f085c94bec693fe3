import { readdirSync, readFileSync } from 'node:fs';
import { bridgeOfNetns, netnsName, PREFIX } from '../../model/names.ts';
import { netnsPath } from '../../process/paths.ts';
import { predecessors } from '../../process/predecessors.ts';
import {
  hostInode,
  namespaceInode,
  type OwnProcess,
  ownProcesses,
  titleOf,
} from '../../process/processes.ts';
import { VERSION_VARIABLE } from '../../process/roles.ts';

/** A process of ours, with what `/proc` tells of it. */
export interface ProcessFacts extends OwnProcess {
  readonly uid: number;
  /** Effective capabilities, as a mask in hexadecimal. */
  readonly capabilities: string;
  readonly noNewPrivs: boolean;
  /** Of the program that started it; undefined: one that did not tell yet. */
  readonly version: string | undefined;
  readonly openFiles: number;
  /** Soft limit of open files. */
  readonly fileLimit: number;
}

/** All of our processes on this host. One that ends while it is looked at is left out. */
export function processFacts(): readonly ProcessFacts[] {
  return ownProcesses().flatMap((found) => {
    try {
      return [{ ...found, ...factsOf(found.pid) }];
    } catch {
      return [];
    }
  });
}

function factsOf(pid: number): Omit<ProcessFacts, keyof OwnProcess> {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';
  const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
  const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  return {
    uid: Number(field('Uid')),
    capabilities: field('CapEff'),
    noNewPrivs: field('NoNewPrivs') === '1',
    version: environment
      .find((pair) => pair.startsWith(`${VERSION_VARIABLE}=`))
      ?.slice(VERSION_VARIABLE.length + 1),
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
    fileLimit: Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0),
  };
}

/** A process that has one of our titles and is not ours, such as one of the Ruby version. */
export interface Stranger {
  readonly title: string;
  readonly pid: number;
  /** A daemon of OpenNebula's own tproxy: `start` takes over from it. */
  readonly ruby: boolean;
}

/** All strangers in the network namespaces of this host. `own`: our processes. */
export function strangers(own: readonly OwnProcess[]): readonly Stranger[] {
  const host = hostInode();
  const ruby = new Set(predecessors().map(({ pid }) => pid));
  const ours = new Set(own.map(({ pid }) => pid));
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || ours.has(pid)) return [];
    const title = titleOf(pid);
    const bridge = bridgeOfNetns(title);
    if (title !== PREFIX && bridge === undefined) return [];
    const place = bridge === undefined ? host : namespaceInode(netnsPath(netnsName(bridge)));
    // Of another sandbox or container otherwise.
    const inode = namespaceInode(`/proc/${pid}/ns/net`);
    return inode !== undefined && (inode === place || inode === host)
      ? [{ title, pid, ruby: ruby.has(pid) }]
      : [];
  });
}
