import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { plumbByHand } from '../support/hypervisor.ts';
import { addBridge } from '../support/network.ts';
import { createSite, type Site } from '../support/site.ts';
import {
  createStage,
  FIRST,
  faultsOf,
  pidOf,
  promptly,
  SERVICE,
  startTraffic,
  until,
  upstream,
} from '../torture/stage.ts';
import { titlesOf } from '../torture/weights.ts';

const DRAINING = 'tproxy_old';

let site: Site;

afterEach(async () => {
  await site.box.close();
});

function titles(): string[] {
  return titlesOf(site.box).map(({ title }) => title);
}

test('a start that fails leaves no process behind, listeners included, and the next one works', async () => {
  site = await createSite();
  await plumbByHand(site.box, site.bridge, { [SERVICE]: upstream(FIRST) });
  await site.box.sh('mkdir -p /run/one_tproxy/control.sock');
  const failed = await site.hypervisor.tproxy('start');
  expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining('EISDIR') });
  await promptly('nothing runs', 2000, () => titles().length === 0);
  await site.box.sh('rmdir /run/one_tproxy/control.sock');
  await site.hypervisor.must('start');
  expect(titles()).toEqual(['one_tproxy', 'one_tproxy_br0', 'tproxy_watch']);
});

test('what an operator sends to a forwarder that drains is nothing to its successor', async () => {
  site = await createStage();
  const traffic = startTraffic(site, { kinds: { session: 2 }, seconds: 4 });
  await until('under way', async () => (await site.box.sh('ss -Htn state connected')).includes(`:${FIRST}`));
  await site.hypervisor.must('restart');
  const serving = await site.hypervisor.daemons();
  const draining = pidOf(site, DRAINING);
  process.kill(draining, 'SIGHUP');
  // Time for it to do what it must not.
  for (let i = 0; i < 3; i++) await site.hypervisor.must('reload');
  expect(await site.hypervisor.daemons()).toEqual(serving);
  expect(titles()).toContain(DRAINING);
  process.kill(draining, 'SIGTERM');
  await until('it is gone', () => !titles().includes(DRAINING));
  await site.hypervisor.must('reload');
  expect(await site.hypervisor.daemons()).toEqual(serving);
  await traffic.finish();
  const late = startTraffic(site, { kinds: { short: 2 }, seconds: 0.3 });
  await late.finish();
  expect(late.told.length).toBeGreaterThan(0);
  expect(faultsOf(late)).toEqual([]);
});

test('connections that outlive their bridge are logged, and its log is closed after the last of them', async () => {
  site = await createStage();
  const { box, hypervisor } = site;
  await plumbByHand(box, await addBridge(box, 'br1'), { [SERVICE]: upstream(FIRST) });
  await hypervisor.must('start');
  const traffic = startTraffic(site, { kinds: { session: 2 }, seconds: 2 });
  await until('under way', async () => (await box.sh('ss -Htn state connected')).includes(`:${FIRST}`));
  await box.sh('nft delete map ip one_tproxy ep_br0');
  await hypervisor.must('reload');
  expect(titles()).toEqual(['one_tproxy', 'one_tproxy_br1', 'tproxy_watch']);
  await traffic.finish();
  // Those that came when the bridge had no service any more were never connections.
  const served = traffic.told.filter(({ reached }) => reached > 0).length;
  expect(served).toBeGreaterThan(0);
  await until('logged', () => hypervisor.connections('br0').length >= served);
  await until('closed', () => !openFiles(pidOf(site, 'one_tproxy')).some((name) => name.includes('br0')));
});

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
