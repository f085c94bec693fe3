import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Sandbox } from '../support/sandbox.ts';

/** What a process holds. */
export interface Weight {
  readonly title: string;
  /** As the machine numbers it. */
  readonly pid: number;
  readonly sockets: number;
  readonly pipes: number;
  readonly otherDescriptors: number;
  readonly privateKb: number;
}

/** Names that /proc shows of our processes, all of them in the sandbox. */
export function titlesOf(box: Sandbox): { readonly title: string; readonly pid: number }[] {
  return box
    .processes()
    .map(({ pid, cmdline }) => ({ pid, title: cmdline.split(' ')[0] ?? '' }))
    .filter(({ title }) => /^(one_tproxy|tproxy_)/.test(title))
    .sort((a, b) => a.title.localeCompare(b.title) || a.pid - b.pid);
}

function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // Closed while we looked.
    }
  });
}

/** What our processes hold, by title. One that ends meanwhile is left out. */
export function weigh(box: Sandbox): Weight[] {
  return titlesOf(box).flatMap(({ title, pid }) => {
    try {
      const targets = descriptorsOf(pid);
      const sockets = targets.filter((target) => target.startsWith('socket:')).length;
      const pipes = targets.filter((target) => target.startsWith('pipe:')).length;
      const otherDescriptors = targets.length - sockets - pipes;
      return [{ title, pid, sockets, pipes, otherDescriptors, privateKb: privateKb(pid) }];
    } catch {
      return [];
    }
  });
}

function privateKb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce(
    (sum, [, kb]) => sum + Number(kb),
    0,
  );
}
