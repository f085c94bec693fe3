import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stalledMs } from '../support/patience.ts';
import type { Site } from '../support/site.ts';
import type { Told } from '../torture/judge.ts';
import { createStage, FIRST, faultsOf, pidOf, promptly, startTraffic, until } from '../torture/stage.ts';
import { monotonicMs } from '../torture/timeline.ts';
import type { Traffic } from '../torture/traffic.ts';
import { titlesOf } from '../torture/weights.ts';

const KILLED_MS = 2000;
const HUNG_MS = 10_000;
const UNNOTICED_MS = 500;
const FORWARDER = 'one_tproxy';
const LISTENER = 'one_tproxy_br0';

let site: Site;

beforeEach(async () => {
  site = await createStage();
});

afterEach(async () => {
  await site.box.close();
});

interface Struck {
  /** Milliseconds until a guest was served that came after the signal, less those in which the machine had no processor. */
  readonly servedMs: number;
  /** The same until another process had the title. */
  readonly succeededMs: number;
}

/** Sends a signal to the process with this title, and waits until a guest is served and another process is in its place. */
async function strike(title: string, signal: 'SIGKILL' | 'SIGSTOP', traffic: Traffic): Promise<Struck> {
  await until('under traffic', () => traffic.told.length > 20);
  const pid = pidOf(site, title);
  const stalled = stalledMs();
  process.kill(pid, signal);
  const at = monotonicMs();
  const isSucceeded = () => {
    const heirs = titlesOf(site.box).filter((process) => process.title === title);
    return heirs.length === 1 && heirs[0]?.pid !== pid;
  };
  const succeeded = until('succeeded', isSucceeded);
  const served = ({ start, reached }: Told) => start > at + 5 && reached > 0;
  const again = until('served again', () => traffic.told.some(served));
  const [succeededMs] = await Promise.all([succeeded, again]);
  const first = Math.min(...traffic.told.filter(served).map(({ reached }) => reached));
  const servedMs = first - at - (stalledMs() - stalled);
  return { servedMs, succeededMs };
}

function messages(level: number): unknown[] {
  return site.hypervisor
    .log('one_tproxy')
    .filter((line) => Number(line.level) >= level)
    .map(({ msg }) => msg);
}

describe('a killed listener', () => {
  test('is back within two seconds; guests notice nothing', async () => {
    const traffic = startTraffic(site, { kinds: { short: 2, session: 4, download: 2, half: 2 } });
    const forwarder = pidOf(site, FORWARDER);
    const { servedMs, succeededMs } = await strike(LISTENER, 'SIGKILL', traffic);
    expect(succeededMs).toBeLessThan(KILLED_MS);
    expect(servedMs).toBeLessThan(UNNOTICED_MS);
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(pidOf(site, FORWARDER)).toBe(forwarder);
    expect(messages(40)).toContain('listener lost');
  });

  test('that keeps dying is started again after growing pauses', async () => {
    const traffic = startTraffic(site, { kinds: { short: 2, session: 2 } });
    const kills = 6;
    const stalled = stalledMs();
    const times = (message: string) =>
      site.hypervisor
        .log('one_tproxy')
        .filter(({ msg }) => msg === message)
        .map(({ time }) => Number(time));
    for (let i = 1; i <= kills; i++) {
      await strike(LISTENER, 'SIGKILL', traffic);
      await until('recovered', () => times('listener recovered').length === i);
    }
    await traffic.finish();
    expect(faultsOf(traffic).map(({ outcome }) => outcome)).not.toContain('refused');
    const lost = times('listener lost');
    const waits = times('listener recovered').map((time, i) => time - (lost[i] ?? 0));
    expect(waits).toHaveLength(kills);
    // 100 ms, doubled each time, less what passed before the next kill.
    expect(waits.at(-1)).toBeGreaterThan((waits[0] ?? 0) + 500);
    expect(Math.max(...waits) - (stalledMs() - stalled)).toBeLessThan(6000);
  });
});

test('a listener killed right before a restart: the sockets that it leaves are handed on, nobody is refused', async () => {
  const traffic = startTraffic(site, { kinds: { short: 6, session: 2 }, pauseMs: 0 });
  await until('under traffic', () => traffic.told.length > 20);
  process.kill(pidOf(site, LISTENER), 'SIGKILL');
  await site.hypervisor.must('restart');
  const count = traffic.told.length;
  await until('served', () => traffic.told.length > count + 20);
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
});

describe('a killed forwarder', () => {
  test('is back within two seconds; guests that came meanwhile are served, nobody is refused', async () => {
    const traffic = startTraffic(site);
    const listener = pidOf(site, LISTENER);
    expect((await strike(FORWARDER, 'SIGKILL', traffic)).servedMs).toBeLessThan(KILLED_MS);
    await traffic.finish();
    // Its own relays are gone: at most one of each worker of the traffic.
    const faults = faultsOf(traffic);
    expect(faults.filter(({ outcome }) => outcome !== 'reset' && outcome !== 'cut')).toEqual([]);
    expect(faults.length).toBeLessThanOrEqual(7);
    expect(pidOf(site, LISTENER)).toBe(listener);
    expect(messages(50)).toContain('forwarder died, restarting it');
  });

  test('keeps the settings and the endpoints of its last reload', async () => {
    site.hypervisor.configure(':tproxy_debug_level: 3\n:tproxy_connect_timeout: 1\n:tproxy: []\n');
    await site.hypervisor.must('reload');
    const settings = () => JSON.parse(readFileSync(site.box.path('/run/one_tproxy/settings.json'), 'utf8'));
    expect(settings()).toMatchObject({ debugLevel: 3, connectTimeoutS: 1 });
    const traffic = startTraffic(site, { kinds: { short: 1 } });
    await strike(FORWARDER, 'SIGKILL', traffic);
    await traffic.finish();
    expect(settings()).toMatchObject({ debugLevel: 3, connectTimeoutS: 1 });
    // One that was cut by the kill may not have heard from its upstream yet.
    const answered = traffic.told.filter(({ outcome }) => outcome === 'ok');
    expect(new Set(answered.map(({ upstream }) => upstream))).toEqual(new Set([FIRST]));
  });

  test('that keeps dying is started again after pauses of seconds, and then for good', async () => {
    const traffic = startTraffic(site, { kinds: { short: 2 } });
    for (let i = 0; i < 3; i++) await strike(FORWARDER, 'SIGKILL', traffic);
    await traffic.finish();
    expect(faultsOf(traffic).map(({ outcome }) => outcome)).not.toContain('refused');
    const pauses = site.hypervisor
      .log('one_tproxy')
      .filter(({ msg }) => msg === 'forwarder died, restarting it')
      .map(({ pause_s }) => pause_s);
    expect(pauses).toEqual([0, 1, 2]);
  });

  test('together with its listener: both are back, nobody is refused for longer than that', async () => {
    const traffic = startTraffic(site, { kinds: { short: 2 } });
    await until('under traffic', () => traffic.told.length > 20);
    const stalled = stalledMs();
    for (const title of [FORWARDER, LISTENER]) process.kill(pidOf(site, title), 'SIGKILL');
    const at = monotonicMs();
    await until('served again', () =>
      traffic.told.some(({ start, outcome }) => start > at && outcome === 'ok'),
    );
    const [back] = traffic.told.filter(({ start, outcome }) => start > at && outcome === 'ok');
    expect((back?.reached ?? 0) - at - (stalledMs() - stalled)).toBeLessThan(KILLED_MS);
    await traffic.finish();
    expect(traffic.told.at(-1)?.outcome).toBe('ok');
  });
});

test('a forwarder killed in the middle of its take-over: it comes back by itself, nobody is refused', async () => {
  const traffic = startTraffic(site, { kinds: { short: 2, session: 2 } });
  await until('under traffic', () => traffic.told.length > 20);
  // A listener that hangs keeps the new forwarder busy for seconds, after the old one has left.
  const listener = pidOf(site, LISTENER);
  process.kill(listener, 'SIGSTOP');
  const restart = site.hypervisor.tproxy('restart');
  await until('left', () => titlesOf(site.box).some(({ title }) => title === 'tproxy_old'));
  process.kill(pidOf(site, FORWARDER), 'SIGKILL');
  process.kill(listener, 'SIGCONT');
  const at = monotonicMs();
  await until('served', () => traffic.told.some(({ start, outcome }) => start > at && outcome === 'ok'));
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
  expect((await restart).status).toBe(1);
  await site.hypervisor.must('reload');
});

describe('a hung', () => {
  test('listener is succeeded within ten seconds; guests notice nothing', async () => {
    const traffic = startTraffic(site, { kinds: { short: 2, session: 4, download: 2 } });
    const { servedMs, succeededMs } = await strike(LISTENER, 'SIGSTOP', traffic);
    expect(succeededMs).toBeLessThan(HUNG_MS);
    expect(servedMs).toBeLessThan(UNNOTICED_MS);
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(messages(50)).toContain('listener does not respond, killing it');
  });

  test('forwarder is succeeded within ten seconds; guests wait, nobody is refused', async () => {
    const traffic = startTraffic(site);
    expect((await strike(FORWARDER, 'SIGSTOP', traffic)).servedMs).toBeLessThan(HUNG_MS);
    await traffic.finish();
    const faults = faultsOf(traffic);
    expect(faults.filter(({ outcome }) => outcome !== 'reset' && outcome !== 'cut')).toEqual([]);
    expect(faults.length).toBeLessThanOrEqual(7);
    expect(messages(50)).toContain('forwarder does not respond, killing it');
  });

  test('forwarder is succeeded by restart, and by nothing else besides', async () => {
    const traffic = startTraffic(site, { kinds: { short: 2 } });
    await until('under traffic', () => traffic.told.length > 20);
    process.kill(pidOf(site, FORWARDER), 'SIGSTOP');
    await site.hypervisor.must('restart');
    const at = monotonicMs();
    await promptly('served', 1000, () =>
      traffic.told.some(({ start, outcome }) => start > at && outcome === 'ok'),
    );
    await traffic.finish();
    expect(faultsOf(traffic).map(({ outcome }) => outcome)).not.toContain('refused');
    expect(titlesOf(site.box).map(({ title }) => title)).toEqual([FORWARDER, LISTENER, 'tproxy_watch']);
  });
});

test('a forwarder that stands still for four seconds: hundreds that came meanwhile are served, by the same processes', async () => {
  const before = titlesOf(site.box);
  const forwarder = pidOf(site, FORWARDER);
  const there = async () => Number(await site.guest.sh('ss -Htn state established | wc -l'));
  const crowds: Traffic[] = [];
  let meanwhile = 0;
  // On a busy machine a crowd may take longer to begin than the watch is patient with a forwarder: then another one is tried.
  for (let tries = 0; tries < 5 && meanwhile <= 200; tries++) {
    const already = await there();
    process.kill(forwarder, 'SIGSTOP');
    const still = monotonicMs() + 4000;
    crowds.push(startTraffic(site, { kinds: { session: 1000 }, seconds: 1000, timeoutMs: 30_000 }));
    while (monotonicMs() < still - 500 && meanwhile <= 200) meanwhile = (await there()) - already;
    await sleep(Math.max(0, still - monotonicMs()));
    process.kill(forwarder, 'SIGCONT');
  }
  expect(meanwhile).toBeGreaterThan(200);
  await until('all there', async () => (await there()) >= 1000 * crowds.length);
  await site.hypervisor.must('reload');
  for (const crowd of crowds) {
    await crowd.finish();
    expect(faultsOf(crowd)).toEqual([]);
    expect(crowd.told).toHaveLength(1000);
  }
  expect(titlesOf(site.box)).toEqual(before);
});

test('a killed watch: guests notice nothing, restart brings another one', async () => {
  const traffic = startTraffic(site);
  await until('under traffic', () => traffic.told.length > 20);
  process.kill(pidOf(site, 'tproxy_watch'), 'SIGKILL');
  await promptly('gone', 1000, () => !titlesOf(site.box).some(({ title }) => title === 'tproxy_watch'));
  await site.hypervisor.must('reload');
  await site.hypervisor.must('restart');
  await strike(FORWARDER, 'SIGKILL', traffic);
  await traffic.finish();
  expect(faultsOf(traffic).map(({ outcome }) => outcome)).not.toContain('refused');
});
