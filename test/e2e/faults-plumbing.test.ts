import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { plumbByHand, unplumbByHand } from '../support/hypervisor.ts';
import { addBridge, addGuest, type Guest } from '../support/network.ts';
import { stalledMs } from '../support/patience.ts';
import type { Site } from '../support/site.ts';
import { UPSTREAM_ADDRESS } from '../torture/scene.ts';
import {
  createStage,
  FIRST,
  faultsOf,
  pidOf,
  SERVICE,
  startTraffic,
  until,
  upstream,
} from '../torture/stage.ts';
import { monotonicMs } from '../torture/timeline.ts';
import { Traffic } from '../torture/traffic.ts';

/** A listener whose netns was replaced is replaced within this time. */
const BACK_MS = 2000;

let site: Site;
/** A second bridge, which is well all the time, and its guest. */
let neighbour: Guest;

beforeEach(async () => {
  site = await createStage();
  await addBridge(site.box, 'br1');
  neighbour = await addGuest(site.box, 'br1', { ip: '192.168.160.11' });
});

afterEach(async () => {
  await site.box.close();
});

async function plumbNeighbour(): Promise<void> {
  await plumbByHand(site.box, 'br1', { [SERVICE]: upstream(FIRST + 1) });
}

function neighbourTraffic(): Traffic {
  return new Traffic(neighbour, {
    ports: [SERVICE],
    kinds: { short: 2, session: 2, download: 1 },
    seconds: 1,
  });
}

/** New services for a guest whose bridge was plumbed anew. */
async function isServed(): Promise<void> {
  const traffic = startTraffic(site);
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
}

describe('netns file without namespace', () => {
  test('before start: the bridge is named, the other one is served all the same', async () => {
    const { box, hypervisor } = site;
    await hypervisor.must('stop');
    await plumbNeighbour();
    await box.sh('ip netns delete one_tproxy_br0; touch /run/netns/one_tproxy_br0');
    const { status, stderr } = await hypervisor.tproxy('start');
    expect(stderr).toMatch(/^ERROR: bridge br0: network namespace one_tproxy_br0 is missing; /);
    expect(status).toBe(1);
    const traffic = neighbourTraffic();
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect((await hypervisor.daemons()).map(({ title }) => title)).toEqual(['one_tproxy', 'one_tproxy_br1']);
  });

  test('under a live listener: nothing that runs is harmed, reload names the bridge', async () => {
    const { box, hypervisor } = site;
    await plumbNeighbour();
    await hypervisor.must('reload');
    const traffic = startTraffic(site);
    const other = neighbourTraffic();
    await box.sh('umount /run/netns/one_tproxy_br0');
    const { status, stderr } = await hypervisor.tproxy('reload');
    expect(stderr).toMatch(/^ERROR: bridge br0: network namespace one_tproxy_br0 is missing; /);
    expect(status).toBe(1);
    await Promise.all([traffic.finish(), other.finish()]);
    expect([...faultsOf(traffic), ...faultsOf(other)]).toEqual([]);
  });
});

describe('namespace deleted under a live listener', () => {
  test('and made again: a listener in the new one within two seconds, without any command', async () => {
    const { box, bridge } = site;
    await plumbNeighbour();
    await site.hypervisor.must('reload');
    const other = neighbourTraffic();
    const listener = pidOf(site, 'one_tproxy_br0');
    await box.sh('ip netns delete one_tproxy_br0; ip link delete br0b');
    await plumbByHand(box, bridge, { [SERVICE]: upstream(FIRST) });
    const [made, stalled] = [monotonicMs(), stalledMs()];
    const traffic = startTraffic(site, { kinds: { short: 1 }, timeoutMs: 5000 });
    await until('served', () => traffic.told.some(({ outcome }) => outcome === 'ok'));
    const [first] = traffic.told.filter(({ outcome }) => outcome === 'ok');
    expect((first?.reached ?? 0) - made - (stalledMs() - stalled)).toBeLessThan(BACK_MS);
    await Promise.all([traffic.finish(), other.finish()]);
    expect(pidOf(site, 'one_tproxy_br0')).not.toBe(listener);
    expect(faultsOf(other)).toEqual([]);
    await isServed();
  });

  test('and made again: reload holds when it returns', async () => {
    const { box, bridge, hypervisor } = site;
    await box.sh('ip netns delete one_tproxy_br0; ip link delete br0b');
    await plumbByHand(box, bridge, { [SERVICE]: upstream(FIRST) });
    await hypervisor.must('reload');
    await isServed();
  });

  test('with its listener: nothing is left, the other bridge does not notice', async () => {
    const { box, bridge, hypervisor } = site;
    await plumbNeighbour();
    await hypervisor.must('reload');
    const other = neighbourTraffic();
    process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGSTOP');
    await unplumbByHand(box, bridge);
    await hypervisor.must('reload');
    expect((await hypervisor.daemons()).map(({ title }) => title)).toEqual(['one_tproxy', 'one_tproxy_br1']);
    await other.finish();
    expect(faultsOf(other)).toEqual([]);
  });
});

describe('nft table flushed by someone', () => {
  test('running guests do not notice; the map made again and reload: nobody noticed at all', async () => {
    const { box, bridge, hypervisor } = site;
    const before = await hypervisor.daemons();
    const traffic = startTraffic(site);
    await box.sh('nft flush ruleset');
    const count = traffic.told.length;
    await until('served', () => traffic.told.length > count + 20);
    await box.sh(`nft -f -`, {
      input: `table ip one_tproxy { map ep_${bridge} { type inet_service : ipv4_addr . inet_service; elements = { ${SERVICE} : ${upstream(FIRST)} }; }; };`,
    });
    await hypervisor.must('reload');
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(await hypervisor.daemons()).toEqual(before);
  });

  test('reload after it: ports are closed, living relays finish', async () => {
    const { box, hypervisor } = site;
    const traffic = startTraffic(site, { kinds: { download: 4, half: 2 }, seconds: 2 });
    await until('under way', async () => {
      const relays = await box.sh(`ss -Htn state connected dst ${UPSTREAM_ADDRESS}`);
      return relays.trim().split('\n').length >= 6;
    });
    await sleep(100);
    await box.sh('nft delete table ip one_tproxy');
    const began = monotonicMs();
    await hypervisor.must('reload');
    await traffic.finish();
    const before = traffic.told.filter(({ reached }) => reached > 0 && reached < began);
    expect(before.length).toBeGreaterThan(3);
    expect(before.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(await site.guest.run(['bash', '-c', `echo > /dev/tcp/169.254.16.9/${SERVICE}`])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Connection refused'),
    });
  });
});
