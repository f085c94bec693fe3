import { expect, test } from 'vitest';
import type { Resolve } from '../../../src/driver/deps.ts';
import { endpointsFor, rememberingResolve, withUnknownMarked } from '../../../src/driver/endpoints.ts';
import { nftFacts } from '../../../src/driver/facts/nft-facts.ts';
import { serviceMac } from '../../../src/driver/mac.ts';
import { parseBridgeTable } from '../../../src/system/nft-bridge-table.ts';
import { parseIpTable } from '../../../src/system/nft-ip-table.ts';
import { fixture } from '../system/fixtures.ts';
import { CUSTOM, ONEGATE, service } from './facts.ts';

/** Knows IPv4 addresses; no name resolves. Tells what it was asked. */
function resolver(): { resolve: Resolve; asked: number[][] } {
  const asked: number[][] = [];
  const resolve: Resolve = async (services) => {
    asked.push(services.map(({ servicePort }) => servicePort));
    const good = services.filter(({ remoteAddr }) => !remoteAddr.startsWith('name'));
    return {
      endpoints: good.map(({ servicePort, remoteAddr, remotePort }) => ({
        servicePort,
        upstream: { address: remoteAddr, port: remotePort },
      })),
      failures: services
        .filter((one) => !good.includes(one))
        .map((one) => ({ service: one, reason: 'no such host' })),
    };
  };
  return { resolve, asked };
}

const SERVICES = [service(5030, 'name1:5030'), service(80, '10.0.0.2:80'), service(443, 'name2:443')];

test('a name that does not resolve keeps its last good address and harms no other service', async () => {
  const lines: string[] = [];
  const report = { info: () => {}, warning: () => {}, error: (text: string) => lines.push(text) };
  const endpoints = await endpointsFor(SERVICES, [ONEGATE, CUSTOM], resolver().resolve, report);
  expect(endpoints).toEqual([{ servicePort: 80, upstream: { address: '10.0.0.2', port: 80 } }, ONEGATE]);
  expect(lines).toEqual([
    'service port 5030 (line 5030): no such host; it keeps 10.11.12.13:5030',
    'service port 443 (line 443): no such host; it is not available',
  ]);
});

test.each([
  [{ options: { proxyProtocol: 'v2' } } as const, { comment: 'proxy=v2' }],
  [{}, {}],
])(
  'a name that does not resolve has the options of its service all the same: %j',
  async (options, comment) => {
    const report = { info: () => {}, warning: () => {}, error: () => {} };
    const services = [{ ...service(5030, 'name1:5030'), ...options }];
    const current = [{ ...ONEGATE, comment: 'guest-rate=1' }];
    expect(await endpointsFor(services, current, resolver().resolve, report)).toEqual([
      { ...ONEGATE, ...comment },
    ]);
  },
);

const WAS_FIRST = { servicePort: 5030, upstream: { address: '10.0.0.9', port: 5030 } };
const OF_SECOND = { servicePort: 5030, upstream: { address: '10.0.0.2', port: 5030 } };

test.each([
  { what: 'is unknown', unknown: true, current: [], marked: [true, false] },
  {
    what: 'is unknown, and the map has what the second gave',
    unknown: true,
    current: [OF_SECOND],
    marked: [true, false],
  },
  {
    what: 'is unknown now, and was known before',
    unknown: true,
    current: [WAS_FIRST],
    marked: [false, false],
  },
  { what: "can't be asked for", unknown: false, current: [], marked: [false, false] },
])('a first entry that $what', async ({ unknown, current, marked }) => {
  const inner = resolver().resolve;
  const resolve: Resolve = async (services) => {
    const { endpoints, failures } = await inner(services);
    return { endpoints, failures: failures.map((failure) => ({ ...failure, unknown })) };
  };
  const services = [service(5030, 'name1:5030'), service(5030, '10.0.0.2:5030'), service(80, 'name2:80')];
  const result = await withUnknownMarked(services, current, rememberingResolve(resolve));
  expect(result.map((one) => one.unknown === true)).toEqual([...marked, false]);
});

test('each service is asked for once', async () => {
  const { resolve, asked } = resolver();
  const remembering = rememberingResolve(resolve);
  const first = await remembering(SERVICES.slice(0, 2));
  const all = await remembering(SERVICES);
  expect(asked).toEqual([[5030, 80], [443]]);
  expect(all).toEqual(await resolve(SERVICES));
  expect(first.endpoints).toEqual(all.endpoints);
});

test('two services of one port, of different networks, keep their own answers', async () => {
  const twins = [service(80, '10.0.0.2:80', ['a']), service(80, '10.0.0.3:80', ['b'])] as const;
  const remembering = rememberingResolve(resolver().resolve);
  for (const twin of twins) {
    expect((await remembering([twin])).endpoints).toEqual([
      { servicePort: 80, upstream: { address: twin.remoteAddr, port: 80 } },
    ]);
  }
});

test('the MAC stays the same on a host, and is locally administered, unicast, and different elsewhere', () => {
  const mac = serviceMac('br0', 'boot/1');
  expect(mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(serviceMac('br0', 'boot/1')).toBe(mac);
  expect(serviceMac('br1', 'boot/1')).not.toBe(mac);
  expect(serviceMac('br0', 'boot/2')).not.toBe(mac);
});

const TABLES = {
  ip: parseIpTable(fixture('nft/1.0.6/table-ip.json'), 'table', 'nft'),
  bridge: parseBridgeTable(fixture('nft/1.0.6/table-bridge.json'), 'table', 'nft'),
};

test.each([
  ['br0', { chain: 'right', form: 'port-set', portSet: { state: 'shared', listed: true } }],
  // The stock drivers' rule without meta ibrname: it would drop what goes to other bridges.
  ['br1', { chain: 'wrong-rules', portSet: { state: 'shared', listed: true } }],
  ['br2', { chain: 'wrong-hook', endpoints: undefined, portSet: { state: 'shared', listed: false } }],
  ['br3', { chain: 'missing', endpoints: undefined, ipTable: 'shared', bridgeTable: 'shared' }],
])('facts of %s in tables with other bridges', (bridge, expected) => {
  expect(nftFacts(TABLES, bridge, 'tables')).toMatchObject(expected);
});

test('facts on a host that a stock driver has plumbed', () => {
  const bridge = parseBridgeTable(fixture('nft/1.0.6/table-bridge-ibrname.by-hand.json'), 'table', 'nft');
  expect(nftFacts({ ip: undefined, bridge }, 'br1', 'tables')).toMatchObject({
    form: 'ibrname',
    chain: 'missing',
    ipTable: 'missing',
    bridgeTable: 'shared',
    portSet: { state: 'missing', listed: false },
  });
});
