import { expect, test } from 'vitest';
import type { Relay } from '../../../src/dataplane/relay.ts';
import { readSums, sumOf } from '../../../src/dataplane/relay-sums.ts';

/** Just what is summed up. */
function relay(bridgeId: number, servicePort: number, guestIp: number, up: number, down: number): Relay {
  const moved = { bytesToUpstream: up, bytesToGuest: down };
  return { bridge: { id: bridgeId }, parties: { servicePort, guestIp }, ...moved } as unknown as Relay;
}

const GUEST = 0xc0a80001;
const RELAYS = [
  relay(1, 80, GUEST, 1, 10),
  relay(1, 80, GUEST, 2, 20),
  relay(1, 80, GUEST + 1, 4, 40),
  relay(1, 65_535, GUEST, 8, 80),
  relay(2, 80, GUEST, 2 ** 50, 1),
];

test('sums are per bridge and service', () => {
  expect([...readSums(sumOf(RELAYS, false))]).toEqual([
    { bridgeId: 1, servicePort: 80, guestIp: 0, relays: 3, bytesToUpstream: 7, bytesToGuest: 70 },
    { bridgeId: 1, servicePort: 65_535, guestIp: 0, relays: 1, bytesToUpstream: 8, bytesToGuest: 80 },
    { bridgeId: 2, servicePort: 80, guestIp: 0, relays: 1, bytesToUpstream: 2 ** 50, bytesToGuest: 1 },
  ]);
});

test('where asked for, per guest', () => {
  expect([...readSums(sumOf(RELAYS, true))].map(({ guestIp, relays }) => [guestIp, relays])).toEqual([
    [GUEST, 2],
    [GUEST + 1, 1],
    [GUEST, 1],
    [GUEST, 1],
  ]);
});

test('more guests than anybody looks at are summed up together, and nothing is lost', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => relay(1, 80 + (i % 2), i + 1, 1, 2));
  const sums = [...readSums(sumOf(many, true))];
  expect(sums.length).toBeLessThan(8200);
  expect(sums.reduce((sum, { relays }) => sum + relays, 0)).toBe(20_000);
  expect(sums.filter(({ guestIp }) => guestIp === 0).map(({ servicePort }) => servicePort)).toEqual([80, 81]);
});

test('of nothing there are none', () => {
  expect([...readSums(sumOf([], true))]).toEqual([]);
});
