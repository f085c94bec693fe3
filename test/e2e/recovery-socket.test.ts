import { afterEach, expect, test } from 'vitest';
import type { Site } from '../support/site.ts';
import { createStage, faultsOf, pidOf, startTraffic, until } from '../torture/stage.ts';

let site: Site;

afterEach(async () => {
  await site.box.close();
});

test("a bridge's socket that somebody removed is there again for the next listener", async () => {
  site = await createStage();
  const traffic = startTraffic(site, { kinds: { short: 2 }, seconds: 3 });
  const listener = pidOf(site, 'one_tproxy_br0');
  await site.box.sh('rm -r /run/one_tproxy/bridge.br0');
  process.kill(listener, 'SIGKILL');
  const recovered = () => site.hypervisor.log('one_tproxy').filter(({ msg }) => msg === 'listener recovered');
  await until('recovered', () => recovered().length === 1);
  expect(pidOf(site, 'one_tproxy_br0')).not.toBe(listener);
  await traffic.finish();
  expect(traffic.told.length).toBeGreaterThan(0);
  expect(faultsOf(traffic)).toEqual([]);
});
