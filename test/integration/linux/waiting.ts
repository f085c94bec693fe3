import { setTimeout as sleep } from 'node:timers/promises';
import { CONDITION_MS } from '../../support/patience.ts';
import type { Sandbox } from '../../support/sandbox.ts';

const LOOK_EVERY_MS = 2;

/** Resolves with what `look` finds; rejects when that takes too long. The test's own event loop goes on meanwhile. */
export async function until<T>(what: string, look: () => T | undefined, limitMs = CONDITION_MS): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** The network namespace that is the root one of a sandbox. */
export function netnsOf(box: Sandbox): string {
  const argument = box.enter.find((each) => each.startsWith('--net='));
  if (argument === undefined) throw new Error('the sandbox has no network namespace');
  return argument.slice('--net='.length);
}
