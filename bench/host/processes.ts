import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Processes of one PID namespace, seen in /proc from the namespace around it. */

/** Kernel ticks per second in /proc/PID/stat: 100 on every Linux that Node runs on. */
export const TICKS_PER_SECOND = 100;

export interface Memory {
  /** Private_Dirty: what only this process has and what can't be dropped. Pages of the node binary are not in it. */
  readonly privateBytes: number;
  /** Pss: the process's share of everything it maps. */
  readonly pssBytes: number;
}

/** PIDs whose PID namespace is `pidNamespace` (`pid:[4026532…]`). */
export function processesIn(pidNamespace: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => namespaceOf(pid, 'pid') === pidNamespace);
}

/** The namespace of a process as /proc links it; undefined when the process is gone. */
export function namespaceOf(pid: number, kind: 'pid' | 'net'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/**
 * CPU seconds that the processes have used, all threads and reaped children included. The sum over a whole PID namespace
 * never loses a child: its time moves to the process that reaps it, at last to the namespace's PID 1.
 */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readOrEmpty(`/proc/${pid}/stat`);
    // The name in parentheses may hold blanks; fields count from behind it: utime, stime, cutime, cstime are 14 to 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks / TICKS_PER_SECOND;
}

export function memoryOf(pids: readonly number[]): Memory {
  let privateBytes = 0;
  let pssBytes = 0;
  for (const pid of pids) {
    const rollup = readOrEmpty(`/proc/${pid}/smaps_rollup`);
    privateBytes += kilobytes(rollup, 'Private_Dirty') * 1024;
    pssBytes += kilobytes(rollup, 'Pss') * 1024;
  }
  return { privateBytes, pssBytes };
}

function kilobytes(rollup: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
