import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { mapByHand, plumbByHand } from '../support/hypervisor.ts';
import { addBridge, addGuest } from '../support/network.ts';
import type { Site } from '../support/site.ts';
import { createStage, FIRST, faultsOf, pidOf, startTraffic, until, upstream } from '../torture/stage.ts';
import { monotonicMs } from '../torture/timeline.ts';
import { Traffic } from '../torture/traffic.ts';
import { titlesOf } from '../torture/weights.ts';

const STAYS = 5030;
const CHANGES = 80;
const GOES = 443;
const COMES = 8080;

let site: Site;

/** What the services are before every test. */
const BEFORE = { [STAYS]: upstream(FIRST), [CHANGES]: upstream(FIRST + 1), [GOES]: upstream(FIRST + 2) };

async function reload(services: Readonly<Record<number, string>>): Promise<void> {
  await mapByHand(site.box, site.bridge, services);
  await site.hypervisor.must('reload');
}

beforeAll(async () => {
  site = await createStage();
});

beforeEach(async () => {
  await reload(BEFORE);
});

afterAll(async () => {
  await site.box.close();
});

const RELAYS = { session: 2, download: 2, half: 2, upload: 1 };

/** A relay of every kind at a port, in the middle of what it does. */
async function relaysAt(port: number): Promise<Traffic> {
  const traffic = startTraffic(site, { ports: [port], kinds: RELAYS, seconds: 2 });
  await until('under way', async () => {
    const relays = await site.guest.sh(`ss -Htn state established dport = :${port}`);
    return relays.trim().split('\n').length >= 6;
  });
  return traffic;
}

/** Upstreams that connections reached which were opened after `at`. */
function reachedAfter(at: number, { told }: Traffic): number[] {
  return [...new Set(told.filter(({ start }) => start > at).map((connection) => connection.upstream))];
}

describe('reload', () => {
  test('unchanged service: its relays and its listening socket are left alone', async () => {
    const before = await site.hypervisor.daemons();
    const traffic = await relaysAt(STAYS);
    const socket = () => site.box.netns('one_tproxy_br0').sh(`ss -Htnle sport = :${STAYS}`);
    const inode = /ino:(\d+)/.exec(await socket())?.[1];
    await reload({ ...BEFORE, [CHANGES]: upstream(FIRST + 3), [COMES]: upstream(FIRST + 4) });
    await reload({ [STAYS]: BEFORE[STAYS] ?? '' });
    expect(/ino:(\d+)/.exec(await socket())?.[1]).toBe(inode);
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(await site.hypervisor.daemons()).toEqual(before);
  });

  test('changed upstream: living relays finish at the old one, new connections reach the new one', async () => {
    const traffic = await relaysAt(CHANGES);
    const short = startTraffic(site, { ports: [CHANGES], kinds: { short: 2 } });
    await until('served', () => short.told.length > 5);
    const began = monotonicMs();
    await reload({ ...BEFORE, [CHANGES]: upstream(FIRST + 5) });
    const done = monotonicMs();
    await until('served', () => short.told.some(({ start }) => start > done));
    await Promise.all([traffic.finish(), short.finish()]);
    expect([...faultsOf(traffic), ...faultsOf(short)]).toEqual([]);
    expect(reachedAfter(done, short)).toEqual([FIRST + 5]);
    for (const told of [...traffic.told, ...short.told]) {
      if (told.reached < began) expect(told.upstream).toBe(FIRST + 1);
    }
    const old = traffic.told.filter(({ reached, end }) => reached < began && end > done);
    expect(old.length).toBeGreaterThan(3);
  });

  test('removed service: its port is closed at once, its relays finish', async () => {
    const traffic = await relaysAt(GOES);
    const began = monotonicMs();
    await reload({ [STAYS]: upstream(FIRST) });
    const done = monotonicMs();
    const late = startTraffic(site, { ports: [GOES], kinds: { short: 1 } });
    await until('refused', () => late.told.length > 5);
    await Promise.all([traffic.finish(), late.finish()]);
    expect(new Set(late.told.map(({ outcome }) => outcome))).toEqual(new Set(['refused']));
    const before = traffic.told.filter(({ start }) => start < began);
    expect(before.filter(({ outcome, reached }) => outcome !== 'ok' && reached > 0)).toEqual([]);
    expect(before.filter(({ end }) => end > done).length).toBeGreaterThan(3);
    const after = traffic.told.filter(({ start }) => start > done);
    expect(after.filter(({ outcome }) => outcome !== 'refused')).toEqual([]);
  });

  test('added service: open when reload returns', async () => {
    await reload({ ...BEFORE, [COMES]: upstream(FIRST + 6) });
    const traffic = startTraffic(site, { ports: [COMES] });
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(reachedAfter(0, traffic)).toEqual([FIRST + 6]);
  });

  test('a port that goes and comes back serves again', async () => {
    for (let i = 0; i < 3; i++) {
      await reload({ [STAYS]: upstream(FIRST) });
      await reload(BEFORE);
      const traffic = startTraffic(site, { ports: [GOES], kinds: { short: 2 } });
      await until('served', () => traffic.told.length > 4);
      await traffic.finish();
      expect(faultsOf(traffic)).toEqual([]);
    }
  });
});

describe('many reloads at once', () => {
  test('each holds when it returns, no signal is lost, no connection either', async () => {
    const traffic = startTraffic(site, { ports: [STAYS] });
    const forwarder = pidOf(site, 'one_tproxy');
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        await mapByHand(site.box, site.bridge, { ...BEFORE, [CHANGES]: upstream(FIRST + (i % 8)) });
        // What drivers do with a signal of old: one that comes while another reload runs must not be lost.
        process.kill(forwarder, 'SIGHUP');
        await site.hypervisor.must('reload');
      }),
    );
    const last = /80 : [\d.]+ \. (\d+)/.exec(await site.box.sh('nft list map ip one_tproxy ep_br0'))?.[1];
    const late = startTraffic(site, { ports: [CHANGES], kinds: { short: 2 } });
    await Promise.all([traffic.finish(), late.finish()]);
    expect([...faultsOf(traffic), ...faultsOf(late)]).toEqual([]);
    expect(reachedAfter(0, late)).toEqual([Number(last)]);
  });

  test('SIGHUP alone is a reload, too', async () => {
    await mapByHand(site.box, site.bridge, { ...BEFORE, [COMES]: upstream(FIRST + 7) });
    process.kill(pidOf(site, 'one_tproxy'), 'SIGHUP');
    const listening = () => site.box.netns('one_tproxy_br0').sh(`ss -Htnl sport = :${COMES}`);
    await until('open', async () => (await listening()) !== '');
  });
});

describe('reload while a listener', () => {
  test('was just killed: returns 0, and holds', async () => {
    for (let i = 0; i < 3; i++) {
      process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGKILL');
      await reload({ ...BEFORE, [COMES]: upstream(FIRST + i) });
      const traffic = startTraffic(site, { ports: [COMES], kinds: { short: 1 } });
      await traffic.finish();
      expect(faultsOf(traffic)).toEqual([]);
      expect(reachedAfter(0, traffic)).toEqual([FIRST + i]);
    }
  });

  test('hangs: returns 0, and holds', async () => {
    process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGSTOP');
    await reload({ ...BEFORE, [COMES]: upstream(FIRST + 4) });
    const traffic = startTraffic(site, { ports: [COMES] });
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
  });
});

describe('reload while the forwarder', () => {
  test.each([
    { what: 'was just killed', signal: 'SIGKILL' },
    { what: 'hangs', signal: 'SIGSTOP' },
  ] as const)('$what: returns 0, and holds', async ({ signal }) => {
    const listener = pidOf(site, 'one_tproxy_br0');
    process.kill(pidOf(site, 'one_tproxy'), signal);
    await reload({ ...BEFORE, [COMES]: upstream(FIRST + 3) });
    const traffic = startTraffic(site, { ports: [COMES] });
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(reachedAfter(0, traffic)).toEqual([FIRST + 3]);
    expect(pidOf(site, 'one_tproxy_br0')).toBe(listener);
    expect(titlesOf(site.box).map(({ title }) => title)).toEqual([
      'one_tproxy',
      'one_tproxy_br0',
      'tproxy_watch',
    ]);
  });
});

describe('one bridge in trouble', () => {
  afterEach(async () => {
    await site.box.sh(
      'nft delete map ip one_tproxy ep_br1; ip link delete br1b; ip netns delete one_tproxy_br1',
    );
    await site.hypervisor.must('reload');
  });

  test('does not keep another one from its reload', async () => {
    await addBridge(site.box, 'br1');
    const guest = await addGuest(site.box, 'br1', { ip: '192.168.160.11' });
    await plumbByHand(site.box, 'br1', { [STAYS]: upstream(FIRST + 1) });
    await site.hypervisor.must('reload');
    // Somebody else has the port in the netns of br0.
    const thief = site.box
      .netns('one_tproxy_br0')
      .spawn([
        'node',
        '-e',
        `require('net').createServer().listen(${COMES}, '0.0.0.0', () => console.log('ready'))`,
      ]);
    await thief.waitFor(/ready/);
    await mapByHand(site.box, 'br1', { [STAYS]: upstream(FIRST + 2) });
    await mapByHand(site.box, site.bridge, { ...BEFORE, [COMES]: upstream(FIRST) });
    const { status, stderr } = await site.hypervisor.tproxy('reload');
    expect(stderr).toMatch(/^ERROR: bridge br0: service port 8080 can't be opened: .*EADDRINUSE/);
    expect(status).toBe(1);
    const traffic = new Traffic(guest, { ports: [STAYS], kinds: { short: 1 } });
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(reachedAfter(0, traffic)).toEqual([FIRST + 2]);
    await thief.stop();
    await site.hypervisor.must('reload');
  });
});
