import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AdmissionLimits, DataPlaneData } from '../../../src/dataplane/messages.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import {
  acceptNow,
  dial,
  dialFrom,
  type Listening,
  LOOPBACK,
  listenLocal,
  openDescriptors,
  receiveBytes,
  sendBytes,
} from '../linux/endpoints.ts';
import { BRIDGE, DataPlaneBench, route, settings } from './dataplane-bench.ts';

/** All of the loopback's addresses are ours: each is a guest. */
const [ALICE, BOB] = [parseIpv4('127.0.0.2'), parseIpv4('127.0.0.3')];

let directory = '';
let listening: Listening;
let upstream: Listening;
let bench: DataPlaneBench;
const sockets: number[] = [];
const servers: number[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tproxy-limits-'));
  listening = listenLocal();
  upstream = listenLocal();
});
afterEach(() => {
  bench.dispose();
  for (const fd of [...sockets.splice(0), ...servers.splice(0)]) close(fd);
  close(listening.fd);
  close(upstream.fd);
  rmSync(directory, { recursive: true });
});

function serve(admission: Partial<AdmissionLimits>, data: Partial<DataPlaneData> = {}): void {
  bench = new DataPlaneBench(directory, { settings: settings({}, admission), ...data });
  bench.serve(route(upstream.port));
  bench.show({ 80: listening.fd });
}

/** Guests that dial, from an address of theirs. */
function crowd(ip: number, count: number): number[] {
  const dialled = Array.from({ length: count }, () => dialFrom(ip, listening.port));
  sockets.push(...dialled);
  return dialled;
}

/** Turns until everybody has been served, refused or left waiting; how many were refused. */
function settle(fds: readonly number[]): number {
  // Accepting a crowd takes a few turns, answers a few more.
  for (let i = 0; i < 60; i++) {
    bench.turn();
    for (let fd = acceptNow(upstream.fd); fd !== undefined; fd = acceptNow(upstream.fd)) servers.push(fd);
  }
  return fds.filter((fd) => receiveBytes(fd) === -Errno.ECONNRESET).length;
}

/** What was refused so far, by cause. */
function refused(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { cause, count } of bench.refusals) counts[cause] = (counts[cause] ?? 0) + count;
  return counts;
}

test('a guest over its connections is reset, another one is served, and one that ends makes room', () => {
  serve({ guestConnections: 5 });
  const greedy = crowd(ALICE, 12);
  expect(settle(greedy)).toBe(7);
  const modest = crowd(BOB, 3);
  expect(settle(modest)).toBe(0);
  expect(servers).toHaveLength(8);
  bench.until('what was refused', () => (bench.refusals.length > 0 ? true : undefined));
  expect(bench.refusals).toMatchObject([{ bridgeId: BRIDGE, count: 7, guestIp: ALICE, servicePort: 80 }]);
  for (const fd of [...sockets.splice(0), ...servers.splice(0)]) close(fd);
  bench.until('the ends', () => (bench.count().relays === 0 ? true : undefined));
  expect(settle(crowd(ALICE, 6))).toBe(1);
  // They are told of once a second; what is refused is no connection that has its own line.
  bench.until('the second', () => (refused()['guest-limit'] === 8 ? true : undefined));
  expect(bench.refusals).toHaveLength(2);
  expect(new Set(bench.records.map(({ outcome }) => outcome))).toEqual(new Set(['closed']));
});

test('a guest over its rate is reset, another one is served, and after a while it is again', () => {
  serve({ guestRate: 5 });
  expect(settle(crowd(ALICE, 12))).toBe(7);
  expect(settle(crowd(BOB, 5))).toBe(0);
  const later = performance.now() + 450;
  bench.until('half a second', () => (performance.now() > later ? true : undefined));
  const again = settle(crowd(ALICE, 12));
  expect(again).toBeGreaterThanOrEqual(7);
  expect(again).toBeLessThan(12);
});

/** Descriptors for the fewest relays that there are. */
const SCARCE = { descriptorLimit: 1000 };

test('where descriptors are few a guest leaves some to another one', () => {
  serve({}, SCARCE);
  expect(settle(crowd(BOB, 1))).toBe(0);
  expect(settle(crowd(ALICE, 40))).toBe(28);
  expect(settle(crowd(BOB, 2))).toBe(0);
  bench.until('the refusals', () => (refused()['guest-share'] === 28 ? true : undefined));
});

test('… and waits where there is no other one', () => {
  serve({}, SCARCE);
  expect(settle(crowd(ALICE, 40))).toBe(0);
  expect(servers).toHaveLength(16);
});

test('a rate that nobody asked for does not hit a guest that is alone, but one among others', () => {
  serve({ guestRate: 5, guestRateIsSoft: true });
  expect(settle(crowd(ALICE, 30))).toBe(0);
  expect(settle(crowd(BOB, 1))).toBe(0);
  // Whatever it does comes on top of what it had.
  expect(settle(crowd(ALICE, 10))).toBeGreaterThanOrEqual(9);
});

test('… also when none of its connections comes to anything', () => {
  const closed = listenLocal();
  close(closed.fd);
  serve({ guestRate: 5, guestRateIsSoft: true });
  expect(settle(crowd(BOB, 1))).toBe(0);
  bench.route(route(closed.port));
  bench.refusals.length = 0;
  crowd(ALICE, 20);
  settle([]);
  bench.until('the refusals', () => (refused()['guest-rate'] === 15 ? true : undefined));
});

test('a bridge at its connections lets its guests wait, and they are served when others end', () => {
  serve({ bridgeConnections: 4 });
  const guests = [...crowd(ALICE, 5), ...crowd(BOB, 5)];
  expect(settle(guests)).toBe(0);
  expect(servers).toHaveLength(4);
  for (const fd of guests) sendBytes(fd, Buffer.from('!'));
  for (let ended = 0; ended < 10; ended++) {
    const server = bench.until('the next to be served', () => {
      settle([]);
      return servers[ended];
    });
    expect(bench.count().relays).toBeLessThanOrEqual(4);
    expect(bench.until('what it said', () => textAt(server))).toBe('!');
    close(server);
    // Both ends, so that the relay ends.
    const guest = guests[ended];
    if (guest !== undefined) close(guest);
  }
  servers.length = 0;
  sockets.length = 0;
  bench.until('all to have ended', () => (bench.records.length === 10 ? true : undefined));
  expect(refused()).toEqual({});
});

test('a bridge at its rate lets its guests wait, and goes on as time goes by', () => {
  serve({ bridgeRate: 10 });
  const guests = crowd(ALICE, 14);
  expect(settle(guests)).toBe(0);
  const atOnce = servers.length;
  expect(atOnce).toBeGreaterThanOrEqual(10);
  expect(atOnce).toBeLessThan(14);
  bench.until('the others', () => {
    settle([]);
    return servers.length === 14 ? true : undefined;
  });
  expect(settle(guests)).toBe(0);
});

test('a full data plane lets all wait, without effort, and each is served as others end', () => {
  // Room for 16 relays.
  serve({}, { descriptorLimit: 100 });
  const guests = crowd(LOOPBACK, 40);
  expect(settle(guests)).toBe(0);
  expect(servers).toHaveLength(16);
  const descriptors = openDescriptors();
  settle([]);
  expect(openDescriptors()).toBe(descriptors);
  const end = performance.now() + 300;
  bench.reactor.onTick((now) => {
    if (now > end) bench.reactor.stop();
    return now <= end;
  });
  const busy = process.cpuUsage();
  bench.reactor.run();
  const { user, system } = process.cpuUsage(busy);
  expect((user + system) / 1000).toBeLessThan(150);
  for (let ended = 0; ended < 40; ended++) {
    const server = bench.until('the next to be served', () => {
      settle([]);
      return servers[ended];
    });
    expect(bench.count().relays).toBeLessThanOrEqual(16);
    close(server);
    const guest = guests[ended];
    if (guest !== undefined) close(guest);
  }
  servers.length = 0;
  sockets.length = 0;
  bench.until('all to have ended', () => (bench.records.length === 40 ? true : undefined));
  expect(new Set(bench.records.map(({ outcome }) => outcome))).toEqual(new Set(['closed']));
});

test('limits of a service hold for it alone', () => {
  serve({ guestConnections: 8 });
  const strict = listenLocal();
  sockets.push(strict.fd);
  bench.route(route(upstream.port), route(upstream.port, { servicePort: 81, guestConnections: 2 }));
  bench.show({ 80: listening.fd, 81: strict.fd });
  const atStrict = Array.from({ length: 5 }, () => dial(strict.port));
  const atOther = crowd(LOOPBACK, 8);
  sockets.push(...atStrict);
  expect(settle(atStrict)).toBe(3);
  expect(settle(atOther)).toBe(0);
  expect(settle(crowd(LOOPBACK, 2))).toBe(2);
});

test('limits can be changed while guests wait', () => {
  serve({ bridgeConnections: 2 });
  const guests = crowd(ALICE, 6);
  settle(guests);
  expect(servers).toHaveLength(2);
  bench.plane.onMessage({ type: 'settings', settings: settings({}, { bridgeConnections: 0 }) });
  bench.until('the others', () => {
    settle([]);
    return servers.length === 6 ? true : undefined;
  });
});

function textAt(fd: number): string | undefined {
  const got = receiveBytes(fd);
  return typeof got === 'number' ? undefined : got.toString('latin1');
}
