import { afterEach, describe, expect, test } from 'vitest';
import { stalledMs } from '../support/patience.ts';
import type { Site } from '../support/site.ts';
import { UPSTREAM_ADDRESS } from '../torture/scene.ts';
import { createStage, faultsOf, pidOf, promptly, startTraffic, until } from '../torture/stage.ts';
import { monotonicMs } from '../torture/timeline.ts';
import type { Traffic } from '../torture/traffic.ts';
import { titlesOf } from '../torture/weights.ts';

const DRAINING = 'tproxy_old';
const RUNNING = ['one_tproxy', 'one_tproxy_br0', 'tproxy_watch'];

let site: Site;

afterEach(async () => {
  await site.box.close();
});

function titles(): string[] {
  return titlesOf(site.box).map(({ title }) => title);
}

/** Long transfers and open sessions, in the middle of what they do. */
async function longRelays(seconds = 2): Promise<Traffic> {
  const traffic = startTraffic(site, {
    kinds: { session: 2, download: 3, half: 3, upload: 1, bulk: 1 },
    seconds,
  });
  await until('under way', async () => {
    const relays = await site.box.sh(`ss -Htn state connected dst ${UPSTREAM_ADDRESS}`);
    return relays.trim().split('\n').length >= 8;
  });
  return traffic;
}

function outcomes(bridge = 'br0'): unknown[] {
  return site.hypervisor.connections(bridge).map(({ outcome }) => outcome);
}

describe('restart', () => {
  test('long transfers over it complete, sessions stay, nobody who comes meanwhile is refused', async () => {
    site = await createStage();
    const before = await site.hypervisor.daemons();
    const traffic = await longRelays();
    const short = startTraffic(site, { kinds: { short: 4 }, pauseMs: 2 });
    const began = monotonicMs();
    await site.hypervisor.must('restart');
    const done = monotonicMs();
    await until('served', () => short.told.filter(({ start }) => start > done).length > 20);
    await Promise.all([traffic.finish(), short.finish()]);
    expect([...faultsOf(traffic), ...faultsOf(short)]).toEqual([]);
    const over = traffic.told.filter(({ start, end }) => start < began && end > done);
    expect(over.length).toBeGreaterThan(0);
    const after = await site.hypervisor.daemons();
    expect(after.map(({ title }) => title)).toEqual(before.map(({ title }) => title));
    expect(after.filter(({ pid }) => before.some((was) => was.pid === pid))).toEqual([]);
    await promptly('drained', 3000, () => !titles().includes(DRAINING));
    expect(titles()).toEqual(RUNNING);
  });

  test('status does not show the process that drains', async () => {
    site = await createStage();
    const traffic = await longRelays();
    await site.hypervisor.must('restart');
    const draining = titlesOf(site.box).filter(({ title }) => title === DRAINING);
    expect(draining).toHaveLength(1);
    const status = await site.hypervisor.tproxy('status');
    expect(status).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^one_tproxy: \d+\none_tproxy_br0: \d+\n$/),
    });
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
  });

  test('again and again: every generation finishes its own relays', async () => {
    site = await createStage();
    const traffic = await longRelays();
    const short = startTraffic(site, { kinds: { short: 2 } });
    for (let i = 0; i < 4; i++) await site.hypervisor.must('restart');
    expect(titles().filter((title) => title === DRAINING).length).toBeGreaterThan(0);
    await Promise.all([traffic.finish(), short.finish()]);
    expect([...faultsOf(traffic), ...faultsOf(short)]).toEqual([]);
    await promptly('drained', 3000, () => !titles().includes(DRAINING));
    expect(titles()).toEqual(RUNNING);
  });

  test('two at once: one after the other, nothing is lost', async () => {
    site = await createStage();
    const traffic = startTraffic(site);
    await Promise.all([site.hypervisor.must('restart'), site.hypervisor.must('restart')]);
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    await promptly('drained', 3000, () => !titles().includes(DRAINING));
    expect(titles()).toEqual(RUNNING);
  });

  test('while the old forwarder waits for a listener that does not come up: nothing of it is lost', async () => {
    site = await createStage();
    const { box, hypervisor } = site;
    const traffic = startTraffic(site, { kinds: { session: 3 }, seconds: 2 });
    // Like a host that has no time for them.
    const wait = 'while [ -e /run/slow ]; do sleep 0.05; done';
    await box.sh(`touch /run/slow; sed -i '1a ${wait}' /var/tmp/one/vnm/tproxy.d/launch-listener`);
    await until('under way', async () =>
      (await box.sh('ss -Htn state connected')).includes(UPSTREAM_ADDRESS),
    );
    process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGKILL');
    const restarted = hypervisor.tproxy('restart');
    await until('handed over', () => titles().includes(DRAINING));
    await box.sh('rm /run/slow');
    expect(await restarted).toMatchObject({ status: 0 });
    expect((await hypervisor.daemons()).map(({ title }) => title)).toEqual(['one_tproxy', 'one_tproxy_br0']);
    await traffic.finish();
    // The sockets were with the old one alone: who comes between its hand-over and the new listener is refused.
    expect(faultsOf(traffic).filter(({ outcome }) => outcome !== 'refused')).toEqual([]);
  });

  test('a draining forwarder that is killed takes nothing but its own relays with it', async () => {
    site = await createStage();
    const traffic = await longRelays();
    await site.hypervisor.must('restart');
    const short = startTraffic(site, { kinds: { short: 2 } });
    process.kill(pidOf(site, DRAINING), 'SIGKILL');
    await until('served', () => short.told.length > 20);
    await short.finish();
    expect(faultsOf(short)).toEqual([]);
    expect(titles()).toEqual(RUNNING);
    await traffic.kill();
  });
});

describe('drain timeout', () => {
  test('0: restart cuts living relays at once', async () => {
    site = await createStage({ settings: ':tproxy_drain_timeout: 0' });
    const traffic = await longRelays();
    await site.hypervisor.must('restart');
    const done = monotonicMs();
    await promptly('gone', 1000, () => !titles().includes(DRAINING));
    await traffic.finish();
    const faults = faultsOf(traffic);
    expect(faults.length).toBeGreaterThan(3);
    expect(faults.filter(({ start, outcome }) => start > done || outcome === 'refused')).toEqual([]);
    expect(outcomes()).toContain('cut');
  });

  test('2: what is not done by then is cut, what is done is not', async () => {
    site = await createStage({ settings: ':tproxy_drain_timeout: 2' });
    const traffic = startTraffic(site, { kinds: { session: 4, download: 6 }, seconds: 1 });
    await until('under traffic', () => traffic.told.length > 3);
    await site.hypervisor.must('restart');
    const done = monotonicMs();
    await promptly('gone', 3000, () => !titles().includes(DRAINING));
    await traffic.finish();
    const faults = faultsOf(traffic);
    // The two sessions that stay for good, and what happened to last longer.
    expect(faults.length).toBeGreaterThanOrEqual(2);
    expect(faults.filter(({ reached, end }) => reached > done || end < done + 1000)).toEqual([]);
    expect(outcomes()).toContain('cut');
  });

  test('a reload changes it for the next restart', async () => {
    site = await createStage();
    const traffic = await longRelays();
    site.hypervisor.configure(':tproxy_debug_level: 2\n:tproxy_drain_timeout: 0\n:tproxy: []\n');
    await site.hypervisor.must('reload');
    await site.hypervisor.must('restart');
    await promptly('gone', 1000, () => !titles().includes(DRAINING));
    await traffic.finish();
    expect(faultsOf(traffic).length).toBeGreaterThan(3);
  });
});

describe('stop', () => {
  test('ends all at once, what drains included', async () => {
    site = await createStage();
    const traffic = await longRelays(20);
    await site.hypervisor.must('restart');
    expect(titles()).toContain(DRAINING);
    const [began, stalled] = [monotonicMs(), stalledMs()];
    await site.hypervisor.must('stop');
    expect(monotonicMs() - began - (stalledMs() - stalled)).toBeLessThan(3000);
    expect(titles()).toEqual([]);
    expect(await site.guest.sh('ss -Htn state established')).toBe('');
    await traffic.kill();
    expect(await site.box.sh('ls /run/one_tproxy')).toMatch(/^(lock\n)?$/);
  });
});
