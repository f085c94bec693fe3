import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Site } from '../support/site.ts';
import { createStage, faultsOf, pidOf, startTraffic } from '../torture/stage.ts';

let site: Site;

afterEach(async () => {
  await site.box.close();
});

test('listener killed while the forwarder stands still: all that wait are served', async () => {
  site = await createStage();
  const forwarder = pidOf(site, 'one_tproxy');
  process.kill(forwarder, 'SIGSTOP');
  const traffic = startTraffic(site, { kinds: { short: 20 }, pauseMs: 0 });
  await sleep(1000);
  process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGKILL');
  await sleep(100);
  process.kill(forwarder, 'SIGCONT');
  await sleep(1500);
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
  expect(traffic.told.length).toBeGreaterThan(20);
});
