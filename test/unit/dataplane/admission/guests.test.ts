import { describe, expect, test } from 'vitest';
import { Guest, Guests, refusal } from '../../../../src/dataplane/admission/guests.ts';
import type { AdmissionLimits, ServiceRoute } from '../../../../src/dataplane/messages.ts';
import { NO_ADMISSION_LIMITS, route } from '../dataplane-bench.ts';

const PLAIN = route(80);

/** What becomes of `wanted` connections at once, all of which live on. */
function ask(
  guest: Guest,
  to: ServiceRoute,
  limits: Partial<AdmissionLimits>,
  wanted: number,
  now = 0,
  alone = false,
) {
  const counts = { accepted: 0, 'guest-limit': 0, 'guest-rate': 0 };
  for (let i = 0; i < wanted; i++) {
    const why = refusal(guest, to, { ...NO_ADMISSION_LIMITS, ...limits }, now, alone);
    if (why === undefined) guest.connections += 1;
    counts[(why ?? 'accepted') as keyof typeof counts] += 1;
  }
  return [counts.accepted, counts['guest-limit'], counts['guest-rate']];
}

describe('of 50 connections at once there are accepted, over the limit, over the rate', () => {
  test.each<[string, Partial<ServiceRoute>, Partial<AdmissionLimits>, boolean, number[]]>([
    ['no limits', {}, {}, false, [50, 0, 0]],
    ['connections', {}, { guestConnections: 20 }, false, [20, 30, 0]],
    ['rate', {}, { guestRate: 20 }, false, [20, 0, 30]],
    ['rate, alone', {}, { guestRate: 20 }, true, [20, 0, 30]],
    ['soft rate, among others', {}, { guestRate: 20, guestRateIsSoft: true }, false, [20, 0, 30]],
    ['soft rate, alone', {}, { guestRate: 20, guestRateIsSoft: true }, true, [50, 0, 0]],
    ['both', {}, { guestConnections: 20, guestRate: 10 }, false, [10, 0, 40]],
    ['connections are looked at first', {}, { guestConnections: 10, guestRate: 10 }, false, [10, 40, 0]],
    ['the service’s own connections', { guestConnections: 5 }, { guestConnections: 20 }, false, [5, 45, 0]],
    ['… more than others have', { guestConnections: 40 }, { guestConnections: 20 }, false, [40, 10, 0]],
    ['… none', { guestConnections: 0 }, { guestConnections: 20 }, false, [50, 0, 0]],
    ['the service’s own rate', { guestRate: 5 }, { guestRate: 20 }, false, [5, 0, 45]],
    ['… none', { guestRate: 0 }, { guestRate: 20 }, false, [50, 0, 0]],
    ['… is never soft', { guestRate: 5 }, { guestRate: 20, guestRateIsSoft: true }, true, [5, 0, 45]],
    [
      'own connections leave the general rate',
      { guestConnections: 40 },
      { guestConnections: 5, guestRate: 20 },
      false,
      [20, 0, 30],
    ],
  ])('%s', (_, more, limits, alone, counts) => {
    expect(ask(new Guest(1), { ...PLAIN, ...more }, limits, 50, 0, alone)).toEqual(counts);
  });

  test('the rate comes back with time, the connections with the end of one', () => {
    const guest = new Guest(1);
    const limits = { guestConnections: 20, guestRate: 10 };
    expect(ask(guest, PLAIN, limits, 15)).toEqual([10, 0, 5]);
    expect(ask(guest, PLAIN, limits, 15, 500)).toEqual([5, 0, 10]);
    expect(ask(guest, PLAIN, limits, 15, 10_000)).toEqual([5, 10, 0]);
    guest.connections -= 1;
    expect(ask(guest, PLAIN, limits, 15, 10_000)).toEqual([1, 14, 0]);
  });

  test('a guest that was alone and far over its soft rate has nothing saved up when another one comes', () => {
    const guest = new Guest(1);
    const limits = { guestRate: 20, guestRateIsSoft: true };
    expect(ask(guest, PLAIN, limits, 500, 0, true)).toEqual([500, 0, 0]);
    expect(ask(guest, PLAIN, limits, 50, 100, false)).toEqual([2, 0, 48]);
  });
});

describe('the guests of a bridge', () => {
  test('are told apart by address, and by service where that has limits of its own', () => {
    const guests = new Guests(3);
    const own = { ...PLAIN, servicePort: 443, guestRate: 5 };
    const other = { ...PLAIN, servicePort: 444, guestConnections: 0 };
    const known = [
      guests.of(1, PLAIN),
      guests.of(1, { ...PLAIN, servicePort: 81 }),
      guests.of(2, PLAIN),
      guests.of(1, own),
      guests.of(2, own),
      guests.of(1, other),
      guests.of(0xffffffff, own),
    ];
    expect(known[1]).toBe(known[0]);
    expect(new Set(known).size).toBe(6);
    expect(guests.of(1, own)).toBe(known[3]);
    // One more: what the last one has at all services is counted too.
    expect(guests.size).toBe(7);
  });

  test('are the same ones at a service with limits of its own, after they were forgotten, and not on another bridge', () => {
    const guests = new Guests(3);
    const { identity } = guests.of(1, PLAIN);
    expect(guests.of(1, { ...PLAIN, guestRate: 5 }).identity).toBe(identity);
    guests.sweep(100_000);
    expect(guests.size).toBe(0);
    expect(guests.of(1, PLAIN).identity).toBe(identity);
    expect(guests.of(2, PLAIN).identity).not.toBe(identity);
    expect(new Guests(4).of(1, PLAIN).identity).not.toBe(identity);
  });

  test('are forgotten five seconds after the last that was seen of them, with what they used up', () => {
    const guests = new Guests(3);
    const limits = { guestRate: 10 };
    const seen = (ip: number, now: number) => ask(guests.of(ip, PLAIN), PLAIN, limits, 10, now);
    expect(guests.sweep(10_000)).toBe(false);
    seen(1, 10_000);
    guests.of(1, PLAIN).connections = 0;
    seen(2, 10_000);
    seen(3, 14_000);
    guests.of(3, PLAIN).connections = 0;
    expect(guests.sweep(14_999)).toBe(true);
    expect(guests.size).toBe(3);
    expect(guests.sweep(15_001)).toBe(true);
    // The second has connections, the third was here a moment ago.
    expect(guests.size).toBe(2);
    guests.of(2, PLAIN).connections = 0;
    expect(guests.sweep(21_000)).toBe(false);
    expect(guests.size).toBe(0);
  });

  test('are counted over all services together, for as long as there is one of their uses', () => {
    const guests = new Guests(3);
    const own = { ...PLAIN, servicePort: 443, guestRate: 5 };
    const part = guests.of(1, own);
    part.opened();
    part.opened();
    guests.of(1, PLAIN).opened();
    const { whole } = part;
    expect(guests.of(1, PLAIN)).toBe(whole);
    expect([whole.allConnections, whole.connections, part.connections]).toEqual([3, 1, 2]);
    whole.closed();
    guests.sweep(100_000);
    expect(guests.of(1, PLAIN)).toBe(whole);
    part.closed();
    expect([whole.allConnections, whole.connections, part.connections]).toEqual([1, 0, 1]);
    part.closed();
    expect(guests.sweep(200_000)).toBe(false);
  });

  test('are alone while no other one has wanted a connection for ten minutes', () => {
    const guests = new Guests(3);
    const minute = 60_000;
    const steps: [ip: number, at: number, amongOthers: boolean][] = [
      [1, 0, false],
      [1, minute, false],
      [2, 2 * minute, true],
      [2, 10 * minute, true],
      [2, 11 * minute, false],
      [3, 12 * minute, true],
      [1, 13 * minute, true],
      [3, 14 * minute, true],
      [3, 22.9 * minute, true],
      [3, 23 * minute, false],
    ];
    expect(steps.map(([ip, at]) => [ip, at, guests.wanted(ip, at)])).toEqual(steps);
  });

  test('are kept while something waits to be done for them', () => {
    const guests = new Guests(3);
    guests.of(1, PLAIN).waiting.push({ onTurn: () => undefined });
    expect(guests.sweep(100_000)).toBe(true);
    expect(guests.size).toBe(1);
  });

  test('are not without number: those that have no connection make room', () => {
    const guests = new Guests(3);
    const kept = guests.of(7, PLAIN);
    kept.connections = 1;
    for (let ip = 0; ip < 300_000; ip++) {
      guests.of(ip, PLAIN);
      if (guests.size > 65_536) throw new Error(`${guests.size} guests are known`);
    }
    expect(guests.of(7, PLAIN)).toBe(kept);
  });

  test('that all have connections are looked through once in a while, not for each that comes', () => {
    const guests = new Guests(3);
    const begin = performance.now();
    for (let ip = 0; ip < 130_000; ip++) guests.of(ip, PLAIN).connections = 1;
    // Looking through all of them 65 000 times takes minutes.
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(guests.size).toBe(130_000);
  });
});
