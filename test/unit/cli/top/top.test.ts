import { describe, expect, it } from 'vitest';
import { styleFor } from '../../../../src/cli/text/style.ts';
import { frame, summary, topTable } from '../../../../src/cli/top/frame.ts';
import { afterKey, keysIn, type Wishes } from '../../../../src/cli/top/keys.ts';
import { inOrder, ORDERS } from '../../../../src/cli/top/order.ts';
import { type Look, rowsOf } from '../../../../src/cli/top/rows.ts';
import type { ServiceStats, Stats } from '../../../../src/model/stats.ts';
import { HEALTH, serviceStats } from '../../stats-fixture.ts';

const service = (given: Partial<ServiceStats>): ServiceStats =>
  serviceStats({ servicePort: 80, upstream: '10.0.0.1:8080', ...given });

function look(at: number, services: readonly Partial<ServiceStats>[], pid = 7): Look {
  const bridge = { bridge: 'br0', served: true, recoveries: 0, refused: {}, services: services.map(service) };
  const idle = {
    bridge: 'br1',
    served: true,
    recoveries: 0,
    refused: {},
    services: [service({ servicePort: 22 })],
  };
  const guests = services.map(
    ({ connections = 0, relays = 0, bytesToUpstream = 0, bytesToGuest = 0 }, i) => ({
      bridge: 'br0',
      guest: `10.0.0.${i}`,
      connections,
      relays,
      bytesToUpstream,
      bytesToGuest,
    }),
  );
  const stats: Stats = { stats: 1, health: { ...HEALTH, pid }, bridges: [bridge, idle], guests };
  return { at, stats };
}

const BEFORE = look(1000, [
  { connections: 10, bytesToGuest: 1024 },
  { servicePort: 443, bytesToUpstream: 5 },
]);
const NOW = look(3000, [
  { connections: 30, relays: 2, bytesToGuest: 4096, outcomes: { 'upstream-refused': 3, closed: 25 } },
  { servicePort: 443, bytesToUpstream: 205, connections: 1 },
]);

describe('rows', () => {
  it.each([
    ['bridge', ['br0 31 3', 'br1 0 0']],
    ['service', ['br0:80 30 3', 'br0:443 1 0', 'br1:22 0 0']],
  ] as const)('per %s', (view, wanted) => {
    const rows = rowsOf(view, NOW, BEFORE).map(
      ({ bridge, service: port, totals, errors }) =>
        `${bridge}${port === undefined ? '' : `:${port}`} ${totals.connections} ${errors}`,
    );
    expect(rows).toEqual(wanted);
  });

  it('per guest, without errors', () => {
    expect(rowsOf('guest', NOW, BEFORE)).toMatchObject([
      {
        bridge: 'br0',
        guest: '10.0.0.0',
        rates: { connections: 10, bytesToUpstream: 0, bytesToGuest: 1536 },
      },
      {
        bridge: 'br0',
        guest: '10.0.0.1',
        rates: { connections: 0.5, bytesToUpstream: 100, bytesToGuest: 0 },
      },
    ]);
  });

  it('have rates per second against the look before, and none in the first one', () => {
    expect(rowsOf('service', NOW, BEFORE)[0]?.rates).toEqual({
      connections: 10,
      bytesToUpstream: 0,
      bytesToGuest: 1536,
    });
    expect(rowsOf('service', NOW, undefined)[0]?.rates).toBeUndefined();
  });

  it('of another forwarder than before have no rates, and what was forgotten no negative ones', () => {
    expect(rowsOf('bridge', look(4000, [], 8), NOW)[0]?.rates).toBeUndefined();
    expect(rowsOf('bridge', look(4000, []), NOW)[0]?.rates).toEqual({
      connections: 0,
      bytesToUpstream: 0,
      bytesToGuest: 0,
    });
  });
});

describe('order', () => {
  const rows = rowsOf('service', NOW, BEFORE);
  it.each([
    ['name', false, [80, 443, 22]],
    ['name', true, [22, 443, 80]],
    ['now', false, [80, 443, 22]],
    ['new', false, [80, 443, 22]],
    ['up', false, [443, 80, 22]],
    ['down', false, [80, 443, 22]],
    ['total', true, [22, 443, 80]],
    ['errors', false, [80, 443, 22]],
  ] as const)('by %s, reversed %s', (order, reversed, ports) => {
    expect(inOrder(rows, order, reversed).map((row) => row.service)).toEqual(ports);
  });
});

describe('the table', () => {
  it('per service', () => {
    const rows = inOrder(rowsOf('service', NOW, BEFORE), 'down', false);
    expect(topTable({ view: 'service', order: 'down', reversed: false, rows })).toEqual([
      'BRIDGE  SERVICE  UPSTREAM       NOW  NEW/S   UP/S   DOWN/S▼  TOTAL     UP      DOWN  ERRORS',
      'br0          80  10.0.0.1:8080    2     10    0 B  1.50 KiB     30    0 B  4.00 KiB       3',
      'br0         443  10.0.0.1:8080    0    0.5  100 B       0 B      1  205 B       0 B       0',
      'br1          22  10.0.0.1:8080    0      0    0 B       0 B      0    0 B       0 B       0',
    ]);
  });

  it('per guest, in the first look', () => {
    const rows = inOrder(rowsOf('guest', NOW, undefined), 'name', true);
    expect(topTable({ view: 'guest', order: 'name', reversed: true, rows })).toEqual([
      'BRIDGE▲  GUEST     NOW  NEW/S  UP/S  DOWN/S  TOTAL     UP      DOWN',
      'br0      10.0.0.1    0      -     -       -      1  205 B       0 B',
      'br0      10.0.0.0    2      -     -       -     30    0 B  4.00 KiB',
    ]);
  });
});

describe('a screen', () => {
  const shown = {
    view: 'bridge',
    order: 'now',
    reversed: false,
    rows: rowsOf('bridge', NOW, BEFORE),
  } as const;
  it.each([
    [80, 24, 0],
    [20, 5, 0],
    [7, 4, 1],
    [80, 3, 0],
    [80, 2, 0],
    [80, 1, 0],
    [1, 1, 99],
  ])('of %d × %d cells, scrolled by %d, is filled and not overrun', (columns, rows, scroll) => {
    const lines = frame('head', shown, scroll, { columns, rows }, styleFor(false));
    expect(lines).toHaveLength(rows);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  });

  it('is never scrolled beyond its rows, of which there may be fewer by now', () => {
    const [, , first] = frame('head', shown, 99, { columns: 80, rows: 24 }, styleFor(false));
    expect(first).toBe(topTable(shown).at(-1));
  });

  it('tells of the whole host in its first line', () => {
    expect(summary(NOW.stats, new Date(2026, 0, 1, 12, 34, 56))).toBe(
      'tproxy 1.2.3  12:34:56  2 connections  3 of 3 services listen  descriptors 40 of 1024  memory 57.2 MiB',
    );
  });
});

describe('keys', () => {
  const wishes: Wishes = { view: 'service', order: 'down', reversed: false, scroll: 0 };
  it.each([
    ['g', { view: 'guest' }],
    ['b', { view: 'bridge' }],
    ['r', { reversed: true }],
    ['>', { order: 'total' }],
    ['\x1b[D', { order: 'up' }],
    ['\x1b[B', { scroll: 1 }],
    ['\x1b[A', { scroll: 0 }],
    ['\x1b[6~', { scroll: 4 }],
    ['x', {}],
    ['\x1b', {}],
    ['\x1bOP', {}],
  ])('%j', (key, change) => expect(afterKey(key, wishes, 5)).toEqual({ ...wishes, ...change }));

  it.each(['q', 'Q', '\x03', '\x04'])('%j ends', (key) => expect(afterKey(key, wishes, 5)).toBeUndefined());

  it('come in one piece or many', () => {
    expect(keysIn('gr\x1b[C\x1b[6~q\x1b')).toEqual(['g', 'r', '\x1b[C', '\x1b[6~', 'q', '\x1b']);
  });

  it('go through all orders and round', () => {
    let now = wishes;
    for (const _ of ORDERS) now = afterKey('>', now, 5) ?? now;
    expect(now).toEqual(wishes);
  });
});
