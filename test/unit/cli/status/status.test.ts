import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Findings, reportOf } from '../../../../src/cli/status/report.ts';
import { statusJsonSchema, statusSchema } from '../../../../src/cli/status/schema.ts';
import { statusTable } from '../../../../src/cli/status/table.ts';
import { styleFor } from '../../../../src/cli/text/style.ts';
import type { BridgeStats, Stats } from '../../../../src/model/stats.ts';
import { HEALTH, serviceStats } from '../../stats-fixture.ts';

function statsOf(...bridges: readonly Partial<BridgeStats>[]): Stats {
  const whole = bridges.map((bridge) => ({
    bridge: 'br0',
    served: true,
    recoveries: 0,
    refused: {},
    services: [],
    ...bridge,
  }));
  return { stats: 1, health: HEALTH, bridges: whole };
}

const ENDPOINT = { servicePort: 5030, upstream: { address: '10.11.12.13', port: 5030 } };

function found(given: Partial<Findings>): Findings {
  return {
    version: '1.2.3',
    processes: [{ pid: 7, role: 'forwarder', bridge: undefined, astray: false }],
    stats: undefined,
    maps: new Map([['br0', [ENDPOINT]]]),
    networks: new Map(),
    netns: new Set(['br0']),
    problems: [],
    ...given,
  };
}

describe('the state of a service', () => {
  const listening = statsOf({ listenerPid: 9, services: [serviceStats({})] });
  it.each([
    ['listening', { stats: listening }],
    ['no-forwarder', {}],
    ['no-netns', { stats: listening, netns: new Set<string>() }],
    ['no-listener', { stats: statsOf({ services: [serviceStats({ state: 'no-listener' })] }) }],
    ['closed', { stats: statsOf({ services: [serviceStats({ state: 'closed', reason: 'EADDRINUSE' })] }) }],
    // nft has what the forwarder has not read, in three ways.
    ['reload-needed', { stats: statsOf() }],
    ['reload-needed', { stats: statsOf({ services: [serviceStats({ upstream: '10.11.12.14:5030' })] }) }],
    ['reload-needed', { stats: listening, maps: new Map() }],
    ['listening', { stats: listening, maps: undefined }],
    [
      'draining',
      { stats: statsOf({ services: [serviceStats({ state: 'draining', relays: 1 })] }), maps: new Map() },
    ],
  ] as const)('%s', (state, given) => {
    expect(reportOf(found(given)).bridges[0]?.services[0]?.state).toBe(state);
  });

  it('of one that was removed is not told', () => {
    const stats = statsOf({ served: false, services: [serviceStats({ state: 'removed', connections: 9 })] });
    expect(reportOf(found({ stats, maps: new Map() })).bridges).toEqual([]);
  });
});

const BUSY = found({
  stats: statsOf(
    {
      listenerPid: 9,
      recoveries: 2,
      refused: { 'guest-rate': 12 },
      services: [
        serviceStats({
          connections: 1234,
          relays: 2,
          bytesToUpstream: 1536,
          bytesToGuest: 5_000_000,
          outcomes: { closed: 1227, 'upstream-refused': 1, 'connect-timeout': 4 },
        }),
        serviceStats({ servicePort: 80, upstream: '10.0.0.1:80', state: 'closed', reason: 'EADDRINUSE' }),
      ],
    },
    {
      bridge: 'onebr0.1234',
      listenerPid: 10,
      services: [serviceStats({ connections: 1, outcomes: { closed: 1 } })],
    },
  ),
  maps: new Map([
    ['br0', [{ servicePort: 80, upstream: { address: '10.0.0.1', port: 80 } }, ENDPOINT]],
    ['onebr0.1234', [ENDPOINT]],
  ]),
  networks: new Map([
    ['br0', [{ id: '0', name: 'private' }, { id: '7' }]],
    ['br9', [{ name: '\x1b[2J\u202eevil' }]],
  ]),
  netns: new Set(['br0', 'onebr0.1234']),
  problems: ['nft: odd\x07'],
});

describe('status -v', () => {
  it('is a table', () => {
    expect(statusTable(reportOf(BUSY), styleFor(false))).toEqual([
      'BRIDGE       NETWORKS           SERVICE  UPSTREAM          STATE        NOW  TOTAL        UP      DOWN  ERRORS',
      'br0          private, #7             80  10.0.0.1:80       closed         0      0       0 B       0 B  0',
      'br0          private, #7           5030  10.11.12.13:5030  listening      2   1234  1.50 KiB  4.77 MiB  5 connect-timeout, …',
      'br9          \\x1b[2J\\u202eevil        -  -                 no services',
      'onebr0.1234  -                     5030  10.11.12.13:5030  listening      0      1       0 B       0 B  0',
      'br0: service port 80 is closed: EADDRINUSE',
      'br0: 12 connections refused: guest-rate',
      'nft: odd\\x07',
    ]);
  });

  it('is nothing where nothing is', () => {
    expect(statusTable(reportOf(found({ maps: new Map() })), styleFor(true))).toEqual([]);
  });

  it('has colours on a terminal', () => {
    const [, , line] = statusTable(reportOf(BUSY), styleFor(true));
    expect(line).toContain('\x1b[32mlistening\x1b[39m');
    expect(line).toContain('\x1b[31m5 connect-timeout, …\x1b[39m');
  });
});

describe('status --json', () => {
  it.each([
    ['busy', BUSY],
    ['without a forwarder', found({ processes: [] })],
    ['with nothing at all', found({ processes: [], maps: undefined, problems: ['nft: unreadable'] })],
  ])('%s has the documented form', (_, findings) => {
    const report = JSON.parse(JSON.stringify(reportOf(findings)));
    expect(statusSchema.parse(report)).toEqual(report);
  });

  it('is documented as it is', () => {
    const text = readFileSync(new URL('../../../../docs/status.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(text)).toEqual(statusJsonSchema());
  });
});
