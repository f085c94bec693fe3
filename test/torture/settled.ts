import { setTimeout as sleep } from 'node:timers/promises';
import { type Scene, UPSTREAM_ADDRESS } from './scene.ts';
import { CLOSED } from './timeline.ts';
import { type Weight, weigh } from './weights.ts';

/** Heaps breathe: what a process may weigh more than in the beginning. The forwarder, of 22 MB, was seen at 34 to 40. */
const GROWTH_KB = 20 * 1024;
/** Idle pipes that a data plane keeps for the next bulk transfer, two descriptors each. */
const KEPT_PIPES = 2 * 64;
const SETTLE_MS = 20_000;
const LOOK_EVERY_MS = 250;

/**
 * What the daemons hold apart from living relays and open service ports, once it no longer changes, or is what it was
 * `before`. Processes that drain get time to end.
 */
export async function settled(scene: Scene, before: readonly Weight[] | undefined): Promise<Weight[]> {
  let last: Weight[] = [];
  for (let waited = 0; waited < SETTLE_MS; waited += LOOK_EVERY_MS) {
    const now = await weighBare(scene);
    if (compare('', before ?? last, now).length === 0) return now;
    last = now;
    await sleep(LOOK_EVERY_MS);
  }
  return last;
}

async function weighBare({ box, meshes }: Scene): Promise<Weight[]> {
  const connected = await box.sh(`ss -Htn state connected exclude time-wait dst ${UPSTREAM_ADDRESS}`);
  const relays = connected.split('\n').filter((line) => line !== '').length;
  const ports = new Map(
    meshes.map(({ bridge, timelines }) => [
      `one_tproxy_${bridge}`,
      [...timelines.values()].filter(({ current }) => current !== CLOSED).length,
    ]),
  );
  const allPorts = [...ports.values()].reduce((sum, count) => sum + count, 0);
  return weigh(box).map((weight) => {
    const expected = weight.title === 'one_tproxy' ? 2 * relays + allPorts : (ports.get(weight.title) ?? 0);
    return { ...weight, sockets: weight.sockets - expected };
  });
}

/** What is more now than before, as lines for people. */
export function compare(when: string, before: readonly Weight[], now: readonly Weight[]): string[] {
  const titles = (weights: readonly Weight[]) => weights.map(({ title }) => title).join(' ');
  if (titles(before) !== titles(now)) {
    return [`${when}: processes were ${titles(before)}, and are ${titles(now)}`];
  }
  return now.flatMap((weight, i) => {
    const was = before[i];
    if (was === undefined) return [];
    const { title } = weight;
    const found: string[] = [];
    if (weight.sockets !== was.sockets) found.push(`sockets: ${was.sockets}, then ${weight.sockets}`);
    if (weight.otherDescriptors !== was.otherDescriptors) {
      found.push(`descriptors: ${was.otherDescriptors}, then ${weight.otherDescriptors}`);
    }
    if (weight.pipes > was.pipes + KEPT_PIPES) found.push(`pipes: ${was.pipes}, then ${weight.pipes}`);
    if (weight.privateKb > was.privateKb + GROWTH_KB) {
      found.push(`private memory: ${was.privateKb} KB, then ${weight.privateKb} KB`);
    }
    return found.map((what) => `${when}: ${title}: ${what}`);
  });
}
