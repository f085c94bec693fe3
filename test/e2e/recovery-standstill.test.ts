import { afterEach, expect, test } from 'vitest';
import type { Site } from '../support/site.ts';
import { createStage, faultsOf, pidOf, startTraffic, until } from '../torture/stage.ts';
import { titlesOf } from '../torture/weights.ts';

let site: Site;

afterEach(async () => {
  await site.box.close();
});

test('listener killed while the forwarder stands still: all that wait are served', async () => {
  site = await createStage();
  const forwarder = pidOf(site, 'one_tproxy');
  process.kill(forwarder, 'SIGSTOP');
  const traffic = startTraffic(site, { kinds: { short: 20 }, pauseMs: 0 });
  await until('all waiting', async () => {
    const waiting = await site.guest.sh('ss -Htn state established');
    return waiting.trim().split('\n').length >= 20;
  });
  const listener = pidOf(site, 'one_tproxy_br0');
  process.kill(listener, 'SIGKILL');
  await until('gone', () => !titlesOf(site.box).some(({ pid }) => pid === listener));
  process.kill(forwarder, 'SIGCONT');
  await until('served', () => traffic.told.length > 20);
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
});
