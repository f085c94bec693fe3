import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { cpuSeconds, TICKS_PER_SECOND } from './processes.ts';
import { sleep } from './run.ts';

/**
 * How much of the machine others used while something was measured: busy time of all cores minus the time of every
 * process that this PID namespace sees, which is all of the benchmark. Kernel threads and time stolen by the host count
 * as others.
 */
export interface Watch {
  /** Share of all cores since the start, 0 to 1. */
  readonly othersShare: () => number;
}

export function watchMachine(): Watch {
  const startedAt = performance.now();
  const busyBefore = busySeconds();
  const oursBefore = cpuSeconds(allVisible());
  return {
    othersShare: () => {
      const busy = busySeconds() - busyBefore;
      const ours = cpuSeconds(allVisible()) - oursBefore;
      const capacity = ((performance.now() - startedAt) / 1000) * cpus().length;
      return Math.max(0, busy - ours) / capacity;
    },
  };
}

/** Others may use this share of the machine before a measurement counts as disturbed. */
export const DISTURBED_SHARE = 0.15;
/** A disturbed measurement is repeated, a few times. */
const MAX_TRIALS = 3;
const LOOK_MS = 500;

export interface Trial<T> {
  readonly result: T;
  readonly othersShare: number;
}

/** The trial that others disturbed least; the first one that they left alone ends it. */
export async function leastDisturbed<T>(trial: () => Promise<T>, patience: Patience): Promise<Trial<T>> {
  const once = async () => {
    const watch = watchMachine();
    const result = await trial();
    return { result, othersShare: watch.othersShare() };
  };
  let best = await once();
  for (let i = 1; i < MAX_TRIALS && best.othersShare > DISTURBED_SHARE; i++) {
    if (!(await patience())) break;
    const next = await once();
    if (next.othersShare < best.othersShare) best = next;
  }
  return best;
}

/** Waits for others to be quiet, altogether `budgetSeconds` at most; false when it has no time left. */
export type Patience = () => Promise<boolean>;

export function openPatience(budgetSeconds: number): Patience {
  let leftMs = budgetSeconds * 1000;
  return async () => {
    while (leftMs > 0) {
      const watch = watchMachine();
      await sleep(LOOK_MS);
      leftMs -= LOOK_MS;
      if (watch.othersShare() <= DISTURBED_SHARE) return true;
    }
    return false;
  };
}

function allVisible(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function busySeconds(): number {
  const line = /^cpu\s+(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  // user nice system idle iowait irq softirq steal; guest time is in user already.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
