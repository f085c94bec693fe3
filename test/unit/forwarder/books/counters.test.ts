import { describe, expect, it } from 'vitest';
import { RecordBatch } from '../../../../src/dataplane/connection-records.ts';
import type { Outcome } from '../../../../src/dataplane/outcome.ts';
import { composeStats } from '../../../../src/forwarder/books/compose-stats.ts';
import { Counters } from '../../../../src/forwarder/books/counters.ts';
import { livingTotals } from '../../../../src/forwarder/books/living-totals.ts';
import { parseIpv4 } from '../../../../src/model/ipv4.ts';
import { CONNECT_BUCKETS_MS } from '../../../../src/model/stats.ts';
import { HEALTH } from '../../stats-fixture.ts';

const NAMES = new Map([
  [1, 'br0'],
  [2, 'br1'],
  // It went and came back.
  [3, 'br0'],
]);

interface Made {
  readonly bridgeId?: number;
  readonly port?: number;
  readonly guest?: string;
  readonly up?: number;
  readonly down?: number;
  readonly connectMs?: number;
  readonly outcome?: Outcome;
}

function batchOf(...connections: readonly Made[]): Float64Array {
  const batch = new RecordBatch();
  for (const { bridgeId = 1, port = 80, guest = '10.0.0.1', ...rest } of connections) {
    const parties = {
      servicePort: port,
      guestIp: parseIpv4(guest),
      guestPort: 1,
      upstreamIp: 1,
      upstreamPort: 1,
    };
    const { up = 0, down = 0, connectMs = -1, outcome = 'closed' } = rest;
    batch.add(bridgeId, parties, up, down, 1, connectMs, outcome);
  }
  return batch.take();
}

const nameOf = (id: number): string | undefined => NAMES.get(id);

function statsOf(counters: Counters, living = new Float64Array()) {
  const listening = {
    name: 'br0',
    endpoints: [
      { servicePort: 80, upstream: { address: '10.1.1.1', port: 8080 } },
      { servicePort: 81, upstream: { address: '10.1.1.1', port: 8081 } },
    ],
    servingPid: 7,
    openPorts: new Set([80]),
    failures: [{ port: 81, reason: 'EADDRINUSE' }],
  };
  const bridges = [listening];
  return composeStats({
    bridges,
    counters,
    living: livingTotals(living, nameOf),
    health: HEALTH,
    byGuest: true,
  });
}

describe('counters', () => {
  it('begin with nothing, and with every service that is served', () => {
    const { bridges, guests } = statsOf(new Counters(nameOf, () => true));
    expect(guests).toEqual([]);
    expect(bridges).toMatchObject([
      {
        bridge: 'br0',
        served: true,
        listenerPid: 7,
        recoveries: 0,
        refused: {},
        services: [
          { servicePort: 80, upstream: '10.1.1.1:8080', state: 'listening', connections: 0, outcomes: {} },
          { servicePort: 81, state: 'closed', reason: 'EADDRINUSE' },
        ],
      },
    ]);
  });

  it('count finished connections and living ones, per service and guest, under one name for a bridge that came back', () => {
    const counters = new Counters(nameOf, () => true);
    counters.add(
      batchOf({ up: 10, down: 20, connectMs: 0.4 }, { up: 1, outcome: 'guest-reset', connectMs: 9999 }),
    );
    counters.add(batchOf({ bridgeId: 3, down: 5, guest: '10.0.0.2' }, { bridgeId: 9, up: 1000 }));
    counters.refused(1, 'guest-rate', 3);
    counters.refused(3, 'guest-rate', 4);
    counters.refused(9, 'guest-rate', 4);
    counters.recovered('br0');
    const guest = parseIpv4('10.0.0.1');
    const living = Float64Array.of(1, 80, guest, 1, 100, 0, 2, 22, guest, 1, 0, 7);
    const { bridges, guests } = statsOf(counters, living);
    expect(bridges).toMatchObject([
      {
        bridge: 'br0',
        recoveries: 1,
        refused: { 'guest-rate': 7 },
        services: [
          {
            servicePort: 80,
            connections: 4,
            relays: 1,
            bytesToUpstream: 111,
            bytesToGuest: 25,
            outcomes: { closed: 2, 'guest-reset': 1 },
            connect: { sumMs: 9999.4 },
          },
          { servicePort: 81, connections: 0 },
        ],
      },
      {
        bridge: 'br1',
        served: false,
        services: [{ servicePort: 22, state: 'draining', relays: 1, bytesToGuest: 7 }],
      },
    ]);
    const counts = bridges[0]?.services[0]?.connect.counts ?? [];
    expect(counts).toHaveLength(CONNECT_BUCKETS_MS.length + 1);
    expect([counts[0], counts.at(-1)]).toEqual([1, 1]);
    expect(guests).toEqual([
      { bridge: 'br0', guest: '10.0.0.1', connections: 3, relays: 1, bytesToUpstream: 111, bytesToGuest: 20 },
      { bridge: 'br0', guest: '10.0.0.2', connections: 1, relays: 0, bytesToUpstream: 0, bytesToGuest: 5 },
      { bridge: 'br1', guest: '10.0.0.1', connections: 1, relays: 1, bytesToUpstream: 0, bytesToGuest: 7 },
    ]);
  });

  it('stay below their bounds: guests are forgotten in order of their last connection', () => {
    const counters = new Counters(nameOf, () => true);
    const guestOf = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
    for (let i = 0; i < 5000; i += 1) {
      counters.add(batchOf({ guest: guestOf(i) }));
      counters.add(batchOf({ guest: guestOf(0) }));
    }
    const guests = statsOf(counters).guests ?? [];
    expect(guests).toHaveLength(2048);
    expect(guests.find(({ guest }) => guest === guestOf(0))?.connections).toBe(5001);
    expect(guests.some(({ guest }) => guest === guestOf(4999))).toBe(true);
    expect(guests.some(({ guest }) => guest === guestOf(1))).toBe(false);
  });

  it('stay below their bounds: services of bridges that are gone are forgotten', () => {
    const counters = new Counters(
      (id) => `br${id}`,
      (bridge) => bridge === 'br1',
    );
    for (let port = 1; port <= 3000; port += 1) counters.add(batchOf({ port }, { bridgeId: 2, port }));
    const left = new Map(counters.entries());
    expect(left.get('br1')?.services.size).toBe(3000);
    expect(left.get('br2')?.services.size ?? 0).toBeLessThan(1100);
  });
});
