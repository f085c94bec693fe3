import { afterAll, beforeAll, expect, test } from 'vitest';
import { mapByHand } from '../support/hypervisor.ts';
import { stalledMs } from '../support/patience.ts';
import { ask, type Site } from '../support/site.ts';
import { FakeNft, type Mood } from '../torture/fake-nft.ts';
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

let site: Site;
let nft: FakeNft;

beforeAll(async () => {
  site = await createStage();
  nft = await FakeNft.install(site.box);
  // The daemons get the PATH of whoever started them.
  await site.hypervisor.must('stop');
  expect(await nft.tproxy('start')).toMatchObject({ status: 0 });
});

afterAll(async () => {
  await site.box.close();
});

const answers = ['segfault', '{"nftables": [', '{"nftables": []}', '{"nftables": {}}', ''];
const rows: readonly { name: string; moods: readonly Mood[]; verbs: readonly string[]; says: RegExp }[] = [
  {
    name: 'nft missing',
    moods: ['missing'],
    verbs: ['reload', 'start', 'restart'],
    says: /^ERROR: nft: not found; install the package nftables/,
  },
  {
    name: 'nft failing',
    moods: ['fails'],
    verbs: ['reload', 'start', 'restart'],
    says: /^ERROR: nft -j list table ip one_tproxy: .*Device or resource busy/,
  },
  {
    name: 'nft answering nonsense',
    moods: answers.map((says) => ({ says })),
    verbs: ['reload', 'restart'],
    says: /^ERROR: nft -j list table ip one_tproxy/,
  },
  {
    // It is given up after ten seconds: one verb has to do.
    name: 'nft hanging',
    moods: ['hangs'],
    verbs: ['reload'],
    says: /^ERROR: nft -j list table ip one_tproxy: no answer within/,
  },
];

test.each(rows)(
  '$name: verbs fail and say so, nothing that runs is touched',
  async ({ moods, verbs, says }) => {
    const before = await site.hypervisor.daemons();
    const traffic = startTraffic(site);
    for (const mood of moods) {
      nft.be(mood);
      for (const verb of verbs) {
        const { status, stderr } = await nft.tproxy(verb);
        expect(stderr).toMatch(says);
        expect(status).toBe(1);
      }
    }
    const count = traffic.told.length;
    await until('served', () => traffic.told.length > count + 10);
    nft.be('works');
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(await site.hypervisor.daemons()).toEqual(before);
    expect(await nft.tproxy('reload')).toMatchObject({ status: 0 });
  },
);

test('nft failing while a killed forwarder comes back: guests wait until it is well again', async () => {
  const traffic = startTraffic(site, { kinds: { short: 4 } });
  await until('served', () => traffic.told.length > 20);
  nft.be('fails');
  const killed = pidOf(site, 'one_tproxy');
  process.kill(killed, 'SIGKILL');
  const log = () => site.hypervisor.log('one_tproxy').map(({ msg }) => msg);
  const deaths = () => log().filter((msg) => msg === 'forwarder died, restarting it').length;
  const before = deaths();
  await until('tried twice', () => deaths() >= before + 2);
  expect(await ask(site.guest, SERVICE + 1)).toBe('ECONNREFUSED');
  nft.be('works');
  const count = traffic.told.length;
  await until('served again', () => traffic.told.length > count + 20);
  await traffic.finish();
  // Those that the killed one had taken are gone with it; nobody else lost anything.
  const faults = faultsOf(traffic);
  expect(faults.map(({ outcome }) => outcome)).not.toContain('refused');
  expect(faults.length).toBeLessThanOrEqual(4);
});

test('nft slow: a reload stalls neither relays nor new connections', async () => {
  nft.be('works');
  await mapByHand(site.box, site.bridge, { [SERVICE]: upstream(FIRST) });
  expect(await nft.tproxy('reload')).toMatchObject({ status: 0 });
  const traffic = startTraffic(site);
  const stalled = stalledMs();
  const reached = (port: number) => traffic.told.some((told) => told.upstream === port);
  await until('served', () => reached(FIRST));
  nft.be(2);
  await mapByHand(site.box, site.bridge, { [SERVICE]: upstream(FIRST + 1) });
  const before = traffic.told.length;
  expect(await nft.tproxy('reload')).toMatchObject({ status: 0 });
  expect(traffic.told.length).toBeGreaterThan(before + 10);
  await until('served by the new upstream', () => reached(FIRST + 1));
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
  const slowest = Math.max(...traffic.told.map(({ start, reached }) => reached - start));
  expect(slowest - (stalledMs() - stalled)).toBeLessThan(1000);
  expect(new Set(traffic.told.map((told) => told.upstream))).toEqual(new Set([FIRST, FIRST + 1]));
});
