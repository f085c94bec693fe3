import { readFileSync } from 'node:fs';

/**
 * How long tests wait before they call something broken. They wait for conditions, so on a quiet machine none of these
 * costs anything. They are a hundred times what a quiet machine needs, since the kernel makes and removes network
 * namespaces one after the other for all tests and all other users of the machine: a sandbox that takes 0.1 s was seen to
 * take 12 s. What the program itself promises (a killed listener is back within 2 s) stands in the test that holds it to that.
 */

/** A condition: a line of output, a port that listens, a process that is gone. */
export const CONDITION_MS = 60_000;
/** A program that runs to its end. */
export const PROGRAM_MS = 120_000;
/** A test or a hook: many programs one after the other. */
export const TEST_MS = 300_000;

/**
 * Milliseconds since the machine started in which somebody on it waited for a processor. What the program promises within
 * some time it promises on a machine that has a processor for it: a test takes these away from what it has measured. 0 where
 * the kernel does not tell.
 */
export function stalledMs(): number {
  try {
    const [, micros] = /^some .*total=(\d+)$/m.exec(readFileSync('/proc/pressure/cpu', 'utf8')) ?? [];
    return Number(micros ?? 0) / 1000;
  } catch {
    return 0;
  }
}

/** Milliseconds since it was started, less those in which somebody waited for a processor. */
export function stopwatch(): () => number {
  const [began, stalled] = [performance.now(), stalledMs()];
  return () => performance.now() - began - (stalledMs() - stalled);
}
