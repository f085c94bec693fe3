import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Bridge } from '../../../src/dataplane/bridge.ts';
import { type FinishedRecord, readRecords } from '../../../src/dataplane/connection-records.ts';
import { DataPlane } from '../../../src/dataplane/dataplane.ts';
import { Reactor } from '../../../src/dataplane/reactor.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import { stalledMs, stopwatch } from '../../support/patience.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { route, settings } from '../../unit/dataplane/dataplane-bench.ts';
import { inNetns, listenLocal, openDescriptors, receiveEnd, tcpPair } from '../../unit/linux/endpoints.ts';
import { netnsOf } from '../linux/waiting.ts';

/** Swallows what is sent to it. */
const SILENT = '10.9.9.2';
const UNREACHABLE = '192.0.2.1';
const PROHIBITED = '198.51.100.1';

let box: Sandbox;
let netns = '';
beforeAll(async () => {
  box = await Sandbox.create();
  netns = netnsOf(box);
  await box.sh(`
    ip link add swallow type veth peer name void
    ip address add 10.9.9.1/24 dev swallow
    ip link set swallow up
    ip link set void up
    ip neighbour add ${SILENT} lladdr 02:00:00:00:00:01 dev swallow
    ip route add unreachable ${UNREACHABLE}/32
    ip route add prohibit ${PROHIBITED}/32
  `);
});
afterAll(() => box.close());

let reactor: Reactor;
let plane: DataPlane;
let records: FinishedRecord[] = [];
let bridge: Bridge;
const sockets: number[] = [];
beforeEach(() => {
  records = [];
  reactor = new Reactor(() => undefined);
  plane = new DataPlane(
    reactor,
    { settings: settings({ connectMs: 400 }), descriptorLimit: 20_000 },
    (message) => {
      if (message.type === 'records') records.push(...readRecords(message.records));
    },
  );
  bridge = new Bridge(plane, 'br0', 1);
});
afterEach(() => {
  cut();
  for (const fd of sockets.splice(0)) close(fd);
});

function cut(): void {
  for (const relay of bridge.relays) relay.cut('cut');
}

/** A guest's connection arrives, and is dialled from inside the namespace. The guest's socket. */
function arrive(address: string, port: number): number {
  bridge.routes = new Map([[80, route(port, { ip: parseIpv4(address) })]]);
  const { client, server } = tcpPair();
  sockets.push(client);
  inNetns(netns, () => plane.arrived(bridge, server, 80, 1, 2));
  return client;
}

/** Turns until so many connections have ended. */
function finished(count: number): FinishedRecord[] {
  const deadline = performance.now() + 5000;
  while (records.length < count) {
    if (performance.now() > deadline)
      throw new Error(`only ${records.length} of ${count} connections have ended`);
    reactor.defer(() => reactor.stop());
    reactor.run();
    plane.flush();
  }
  return records;
}

test.each([
  ['without a way there', UNREACHABLE, 'upstream-unreachable'],
  ['that may not be reached', PROHIBITED, 'error'],
] as const)('an upstream %s: told at once, the guest gets a reset', (_, address, outcome) => {
  const before = openDescriptors();
  const took = stopwatch();
  const guest = arrive(address, 80);
  expect(finished(1)).toMatchObject([{ outcome, durationMs: 0 }]);
  expect(took()).toBeLessThan(200);
  expect(receiveEnd(guest)).toBe(-Errno.ECONNRESET);
  expect(openDescriptors()).toBe(before + 1);
});

test('an upstream that never answers: connect-timeout, the guest gets a reset', () => {
  const before = openDescriptors();
  const stalled = stalledMs();
  const guests = [arrive(SILENT, 80), arrive(SILENT, 81)];
  expect(openDescriptors()).toBe(before + 6);
  for (const { outcome, durationMs } of finished(2)) {
    expect(outcome).toBe('connect-timeout');
    expect(durationMs).toBeGreaterThanOrEqual(400);
    expect(Number(durationMs) - (stalledMs() - stalled)).toBeLessThan(1500);
  }
  for (const guest of guests) expect(receiveEnd(guest)).toBe(-Errno.ECONNRESET);
  expect(openDescriptors()).toBe(before + 2);
});

test('no port left to dial from: said so, and the next one works once there is', async () => {
  const { fd, port } = inNetns(netns, () => listenLocal());
  sockets.push(fd);
  await box.sh(`echo '40000 40003' > /proc/sys/net/ipv4/ip_local_port_range`);
  const guests = Array.from({ length: 6 }, () => arrive('127.0.0.1', port));
  const ended = finished(2);
  expect(new Set(ended.map(({ outcome }) => outcome))).toEqual(new Set(['out-of-ports']));
  for (const guest of guests.slice(6 - ended.length)) expect(receiveEnd(guest)).toBe(-Errno.ECONNRESET);
  expect(bridge.relays.size).toBe(6 - ended.length);
  cut();
  plane.flush();
  records.length = 0;
  arrive('127.0.0.1', port);
  expect(bridge.relays.size).toBe(1);
  plane.flush();
  expect(records).toEqual([]);
});
