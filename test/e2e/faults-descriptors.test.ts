import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { mapByHand } from '../support/hypervisor.ts';
import { addGuest } from '../support/network.ts';
import { stalledMs } from '../support/patience.ts';
import type { Site } from '../support/site.ts';
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
import type { Traffic } from '../torture/traffic.ts';
import { titlesOf } from '../torture/weights.ts';

/** Room for this many relays: two descriptors each, a reserve of 1024, and three for a bridge and one for its service. */
const ROOM = 80;
const LIMIT = 1024 + 3 + 1 + 2 * ROOM;

let site: Site;

afterEach(async () => {
  await site.box.close();
});

/** As `start` under a small limit of descriptors that it may not raise. */
async function startWithRoom(): Promise<void> {
  site = await createStage();
  await site.hypervisor.must('stop');
  await site.box.sh(
    `setpriv --bounding-set=-sys_resource prlimit --nofile=${LIMIT}:${LIMIT} /var/tmp/one/vnm/tproxy start`,
  );
}

async function upstreams(): Promise<number> {
  const lines = await site.host.sh('ss -Htn state established');
  return lines.split('\n').filter((line) => line !== '').length;
}

/** Sessions that take all the room and more. */
async function crowd(count: number): Promise<Traffic> {
  const traffic = startTraffic(site, { kinds: { session: 2 * count }, seconds: 1000, timeoutMs: 60_000 });
  await until('full', async () => (await upstreams()) >= Math.min(ROOM, 2 * count));
  return traffic;
}

/** Sets how many descriptors the process with this title may have. Its own user may do that, as long as it is fewer. */
async function allow(title: string, descriptors: number): Promise<void> {
  const { pid } = await site.hypervisor.daemon(title);
  await site.box.sh(`
    user=$(stat -c %u /proc/${pid}); group=$(stat -c %g /proc/${pid})
    setpriv --reuid=$user --regid=$group --clear-groups prlimit --pid ${pid} --nofile=${descriptors}:
  `);
}

function descriptorsOf(title: string): number {
  return readdirSync(`/proc/${pidOf(site, title)}/fd`).length;
}

describe('EMFILE in the forwarder', () => {
  test('guests beyond its room wait for as long as it takes; nothing else suffers', async () => {
    await startWithRoom();
    const before = await site.hypervisor.daemons();
    const all = await crowd(ROOM);
    // Longer than a listener may be silent.
    await sleep(7000);
    expect(await upstreams()).toBe(ROOM);
    expect(await site.hypervisor.daemons()).toEqual(before);
    await mapByHand(site.box, site.bridge, { [SERVICE]: upstream(FIRST), 80: upstream(FIRST + 1) });
    await site.hypervisor.must('reload');
    await all.finish();
    expect(faultsOf(all)).toEqual([]);
    expect(all.told).toHaveLength(2 * ROOM);
    const traffic = startTraffic(site);
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
  });

  test('one guest that wants far more than there is room for does not keep another one waiting', async () => {
    await startWithRoom();
    const guest = await addGuest(site.box, site.bridge, { ip: '192.168.150.12' });
    const modest = startTraffic({ ...site, guest }, { kinds: { short: 1 } });
    await until('served', () => modest.told.length > 0);
    const greedy = startTraffic(site, { kinds: { session: 5 * ROOM }, pauseMs: 1000, seconds: 1000 });
    // Four fifths, about: four times what is left.
    await until('at its share', async () => (await upstreams()) >= 0.75 * ROOM);
    const [count, stalled] = [modest.told.length, stalledMs()];
    await until('50 requests', () => modest.told.length >= count + 50);
    const slowest = Math.max(...modest.told.slice(count).map(({ start, end }) => end - start));
    expect(slowest - (stalledMs() - stalled)).toBeLessThan(1000);
    expect(faultsOf(modest)).toEqual([]);
    expect(faultsOf(greedy).filter(({ outcome }) => outcome !== 'reset')).toEqual([]);
    await Promise.all([modest.finish(), greedy.kill()]);
  });

  test('while it is full: restart makes room, and loses nobody', async () => {
    await startWithRoom();
    const all = await crowd(ROOM);
    await site.box.sh(
      `setpriv --bounding-set=-sys_resource prlimit --nofile=${LIMIT}:${LIMIT} /var/tmp/one/vnm/tproxy restart`,
    );
    await until('all served', async () => (await upstreams()) === 2 * ROOM);
    await all.finish();
    expect(faultsOf(all)).toEqual([]);
  });

  test('while it is full: a killed listener is back, and those that waited are served in the end', async () => {
    await startWithRoom();
    const all = await crowd(ROOM);
    const killed = pidOf(site, 'one_tproxy_br0');
    process.kill(killed, 'SIGKILL');
    await until('back', () =>
      titlesOf(site.box).some(({ title, pid }) => title === 'one_tproxy_br0' && pid !== killed),
    );
    await all.finish();
    expect(faultsOf(all).filter(({ outcome }) => outcome === 'refused')).toEqual([]);
    const traffic = startTraffic(site);
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
  });

  test('not one descriptor more: it stays, says so, and serves again when it may', async () => {
    site = await createStage();
    const forwarder = pidOf(site, 'one_tproxy');
    const sessions = startTraffic(site, { kinds: { session: 2 }, seconds: 100 });
    await until('open', async () => (await upstreams()) === 2);
    const open = descriptorsOf('one_tproxy');
    await allow('one_tproxy', open);
    const traffic = startTraffic(site, { kinds: { short: 4 }, timeoutMs: 4000 });
    // Too few for a guest's socket, for the upstream's, for the log of the bridge, for a pipe.
    for (const more of [1, 2, 3]) {
      await sleep(600);
      await allow('one_tproxy', open + more);
    }
    await sleep(600);
    await allow('one_tproxy', 10_000);
    const count = traffic.told.length;
    await until('served', () => traffic.told.slice(count).some(({ outcome }) => outcome === 'ok'));
    await Promise.all([traffic.finish(), sessions.finish()]);
    expect(faultsOf(sessions)).toEqual([]);
    expect(traffic.told.at(-1)?.outcome).toBe('ok');
    expect(pidOf(site, 'one_tproxy')).toBe(forwarder);
  });
});

test('EMFILE in a listener: what it has open is served, a new service waits until it has descriptors again', async () => {
  site = await createStage();
  const listener = pidOf(site, 'one_tproxy_br0');
  await allow('one_tproxy_br0', descriptorsOf('one_tproxy_br0'));
  const traffic = startTraffic(site);
  await mapByHand(site.box, site.bridge, { [SERVICE]: upstream(FIRST), 80: upstream(FIRST + 1) });
  const { status, stderr } = await site.hypervisor.tproxy('reload');
  expect(stderr).toMatch(/^ERROR: bridge br0: service port 80 can't be opened: .*EMFILE/);
  expect(status).toBe(1);
  await allow('one_tproxy_br0', 10_000);
  await site.hypervisor.must('reload');
  const late = startTraffic(site, { ports: [80] });
  await Promise.all([traffic.finish(), late.finish()]);
  expect([...faultsOf(traffic), ...faultsOf(late)]).toEqual([]);
  expect(pidOf(site, 'one_tproxy_br0')).toBe(listener);
});
