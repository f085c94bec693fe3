import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { arp, frame, icmp, send, syn } from '../../support/frames.ts';
import { addGuest } from '../../support/network.ts';
import { countAt, openScene, reaches, type Scene, SERVICE_ADDRESS, untilSeen } from './attack-scene.ts';

/**
 * Made-up senders, far from `gc_thresh2` (512): the table is the machine's. An attacker would send more than it can hold.
 */
const SENDERS = 300;
/** 32 at once and 4 a second, and a busy machine may take its time. */
const MOST = 90;

const FORGER = '02:66:66:66:66:66';
const made = Array.from({ length: SENDERS }, (_, index) => `10.66.${index >> 8}.${index & 255}`);

const FLOODS: readonly (readonly [string, (mac: string) => readonly string[]])[] = [
  [
    'ARP requests',
    () =>
      made.map((ip) =>
        frame(
          { from: FORGER },
          arp({ operation: 'request', sender: { mac: FORGER, ip }, target: { ip: SERVICE_ADDRESS } }),
        ),
      ),
  ],
  [
    'ARP requests in VLAN 0 tags',
    () =>
      made.map((ip) =>
        frame(
          { from: FORGER },
          arp({ operation: 'request', sender: { mac: FORGER, ip }, target: { ip: SERVICE_ADDRESS } }),
          ['vlan'],
        ),
      ),
  ],
  [
    'SYNs',
    (to) => made.map((ip) => frame({ from: FORGER, to }, syn({ from: ip, to: SERVICE_ADDRESS }, 5030))),
  ],
  [
    'pings',
    (to) => made.map((ip) => frame({ from: FORGER, to }, icmp({ from: ip, to: SERVICE_ADDRESS }, 'echo'))),
  ],
];

let scene: Scene;

beforeEach(async () => {
  scene = await openScene();
});

afterEach(() => scene.box.close());

/** Sends the flood and tells how many entries of the neighbour table it made. */
async function entriesOf(flood: readonly string[]): Promise<number> {
  const count = await countAt(scene.box, { forged: `ether saddr ${FORGER}` }, scene.attacker.device);
  await send(scene.attacker, flood);
  // Where they came in, dropped or not.
  await expect.poll(async () => (await count()).forged).toBe(SENDERS);
  const table = await scene.netns.sh('ip -4 neigh show dev br0a');
  return table.split('\n').filter((line) => line.startsWith('10.66.')).length;
}

describe('senders that a guest makes up do not fill the neighbour table of the host', () => {
  test.each(FLOODS)('%s', async (_, flood) => {
    expect(await entriesOf(flood(scene.serviceMac))).toBeLessThan(MOST);
    // Neither those who were there before nor those who come now are kept out.
    expect(await reaches(scene.victim)).toBe(true);
    expect(await reaches(await addGuest(scene.box, 'br0', { ip: '192.168.1.8', vmId: 8 }))).toBe(true);
  });

  test.each(FLOODS)('without the guard they would: %s', async (_, flood) => {
    await scene.box.sh('nft flush chain bridge one_tproxy guard');
    expect(await entriesOf(flood(scene.serviceMac))).toBeGreaterThan(MOST);
  });
});

test('a guest that is over its rate keeps only itself out, and not for long', async () => {
  const count = await countAt(
    scene.netns,
    { all: `ether saddr ${FORGER}`, known: 'ip saddr 192.168.1.6' },
    'br0a',
  );
  expect(await reaches(scene.attacker)).toBe(true);
  const flood = FLOODS[0]?.[1](scene.serviceMac) ?? [];
  await send(scene.attacker, flood);
  await untilSeen(count, 'all');
  // Who was heard within the last minute is let in without being counted.
  expect(await reaches(scene.attacker)).toBe(true);
  expect((await count()).known).toBeGreaterThan(0);
  const listed = await scene.box.sh('nft list set bridge one_tproxy newcomers');
  expect(listed).toContain(`"${scene.attacker.device}" limit rate over 4/second`);
});
