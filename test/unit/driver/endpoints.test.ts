import { expect, test } from 'vitest';
import { AddressBook } from '../../../src/driver/addresses.ts';
import { endpointsFor, withUnknownMarked } from '../../../src/driver/endpoints.ts';
import { nftFacts } from '../../../src/driver/facts/nft-facts.ts';
import { serviceMac } from '../../../src/driver/mac.ts';
import { arpChainState } from '../../../src/driver/rules/chains.ts';
import { parseBridgeTable } from '../../../src/system/nft-bridge-table.ts';
import { parseIpTable } from '../../../src/system/nft-ip-table.ts';
import { fixture } from '../system/fixtures.ts';
import { CUSTOM, ONEGATE, service } from './facts.ts';

/** No name resolves. Tells what it was asked. */
function book(): { addresses: AddressBook; asked: (readonly string[])[] } {
  const asked: (readonly string[])[] = [];
  const addresses = new AddressBook(async (names) => {
    asked.push(names);
    return new Map(names.map((name) => [name, { reason: 'no such host' }]));
  });
  return { addresses, asked };
}

const SERVICES = [service(5030, 'name1:5030'), service(80, '10.0.0.2:80'), service(443, 'name2:443')];

test('a name that does not resolve keeps its last good address and harms no other service', async () => {
  const lines: string[] = [];
  const report = { info: () => {}, warning: () => {}, error: (text: string) => lines.push(text) };
  const endpoints = await endpointsFor(SERVICES, [ONEGATE, CUSTOM], book().addresses, report);
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
    expect(await endpointsFor(services, current, book().addresses, report)).toEqual([
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
  const asked: (readonly string[])[] = [];
  const reason = 'no such host';
  const addresses = new AddressBook(async (names) => {
    asked.push(names);
    return new Map(names.map((name) => [name, unknown ? { reason, unknown } : { reason }]));
  });
  const services = [
    service(5030, 'name1:5030'),
    service(5030, '10.0.0.2:5030'),
    service(80, 'name2:80'),
    service(5030, 'name3:5030', ['elsewhere']),
  ];
  const result = await withUnknownMarked(services, [{ name: 'here' }], current, addresses);
  expect(result.map((one) => one.unknown === true)).toEqual([...marked, false, false]);
  expect(asked).toEqual([['name1']]);
});

test('each name is asked for once, and nobody for an address', async () => {
  const { addresses, asked } = book();
  await addresses.learn(SERVICES.slice(0, 2));
  await addresses.learn(SERVICES);
  await addresses.learn(SERVICES);
  expect(asked).toEqual([['name1'], ['name2']]);
  expect(SERVICES.map((one) => addresses.addressOf(one))).toEqual([
    { reason: 'no such host' },
    { address: '10.0.0.2' },
    { reason: 'no such host' },
  ]);
});

test('two services of one port, of different networks, keep their own answers', async () => {
  const twins = [service(80, 'a:80', ['a']), service(80, 'b:80', ['b'])] as const;
  const addresses = new AddressBook(
    async (names) =>
      new Map(names.map((name) => [name, { address: name === 'a' ? '10.0.0.2' : '10.0.0.3' }])),
  );
  await addresses.learn(twins);
  expect(twins.map((twin) => addresses.addressOf(twin))).toEqual([
    { address: '10.0.0.2' },
    { address: '10.0.0.3' },
  ]);
});

test('endpoints have the options of their services', async () => {
  const { addresses } = book();
  const report = { info: () => {}, warning: () => {}, error: () => {} };
  const one = { ...service(80, '10.0.0.1:81'), options: { guestRate: 7, proxyProtocol: 'v2' } } as const;
  expect(await endpointsFor([one], [], addresses, report)).toEqual([
    { servicePort: 80, upstream: { address: '10.0.0.1', port: 81 }, comment: 'proxy=v2 guest-rate=7' },
  ]);
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
  const facts = nftFacts(TABLES, bridge, 'tables');
  expect({ ...facts, chain: arpChainState(facts.chains, bridge) }).toMatchObject(expected);
});

test('facts on a host that a stock driver has plumbed', () => {
  const bridge = parseBridgeTable(fixture('nft/1.0.6/table-bridge-ibrname.by-hand.json'), 'table', 'nft');
  const facts = nftFacts({ ip: undefined, bridge }, 'br1', 'tables');
  expect({ ...facts, chain: arpChainState(facts.chains, 'br1') }).toMatchObject({
    form: 'ibrname',
    chain: 'missing',
    ipTable: 'missing',
    bridgeTable: 'shared',
    portSet: { state: 'missing', listed: false },
  });
});
