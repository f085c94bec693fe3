import { describe, expect, test } from 'vitest';
import type { Facts } from '../../../src/driver/facts/facts.ts';
import type { Desired } from '../../../src/driver/plan/desired.ts';
import { planBridge } from '../../../src/driver/plan/plan.ts';
import type { Step } from '../../../src/driver/plan/steps.ts';
import type { ArpForm } from '../../../src/driver/rules/arp-rules.ts';
import type { ChainKind } from '../../../src/driver/rules/chains.ts';
import { isDeviceSysctl, netnsSysctls } from '../../../src/driver/rules/netns-sysctls.ts';
import type { Policing } from '../../../src/model/limits.ts';
import type { NftChain } from '../../../src/system/nft-chains.ts';
import {
  BARE,
  CUSTOM,
  chainsThatAre,
  MAC,
  ONEGATE,
  PLUMBED,
  PORT_MAC,
  plumbed,
  policeChain,
  TAPS,
} from './facts.ts';

const wanting = (...endpoints: Desired['endpoints']): Desired => ({
  endpoints,
  mac: MAC,
  portMac: PORT_MAC,
  arpForm: 'port-set',
  taps: TAPS,
  policing: undefined,
  lacks: new Set(),
});
const plan = (facts: Facts, desired = wanting(ONEGATE)): readonly Step[] => planBridge(facts, desired);

const netns = 'one_tproxy_br0';
const TAP = { tap: 'one-7-0', mac: MAC };
/** The step that makes or replaces a chain of br0. */
function put(
  chain: ChainKind,
  found: 'missing' | 'wrong' = 'missing',
  form: ArpForm = 'port-set',
  policing?: Policing,
): Step {
  return { do: 'put-chain', chain, found, subject: { bridge: 'br0', form, policing, lacks: new Set() } };
}

function drop(chain: ChainKind): Step {
  return { do: 'drop-chain', chain, bridge: 'br0' };
}

function nameOf(step: Step): string {
  return 'chain' in step ? `${step.do} ${step.chain}` : step.do;
}

const ALL_SYSCTLS = netnsSysctls('br0a');
const DEVICE_SYSCTLS = new Map([...ALL_SYSCTLS].filter(([path]) => isDeviceSysctl(path, 'br0a')));
const CREATE_VETH = {
  do: 'create-veth',
  netns,
  port: 'br0b',
  device: 'br0a',
  mtu: 1500,
  mac: MAC,
  portMac: PORT_MAC,
};
const IN_BRIDGE = [
  { do: 'set-port-master', port: 'br0b', bridge: 'br0' },
  { do: 'set-port-up', port: 'br0b' },
  { do: 'pin-mac', port: 'br0b', mac: MAC },
];
const DEVICE_READY = [
  { do: 'set-device-up', netns, device: 'br0a' },
  { do: 'add-address', netns, device: 'br0a' },
  { do: 'add-route', netns, device: 'br0a' },
];
const FRESH_LINKS = [
  { do: 'create-netns', netns },
  CREATE_VETH,
  ...IN_BRIDGE,
  { do: 'write-sysctls', netns, sysctls: ALL_SYSCTLS },
  { do: 'write-ruleset', netns, device: 'br0a' },
  { do: 'set-lo-up', netns },
  ...DEVICE_READY,
];

describe('a bare bridge', () => {
  test('gets everything, the endpoint map last', () => {
    expect(plan(BARE)).toMatchObject([
      ...FRESH_LINKS,
      { do: 'create-table', family: 'bridge' },
      { do: 'create-port-set' },
      { do: 'list-port', names: ['br0b'] },
      put('arp'),
      put('guard'),
      { do: 'create-tap-map' },
      { do: 'change-taps', remove: [], add: [TAP] },
      put('redirect'),
      { do: 'create-table', family: 'ip' },
      { do: 'create-map', bridge: 'br0' },
      { do: 'change-endpoints', bridge: 'br0', remove: [], add: [ONEGATE] },
    ]);
  });

  test('is told by its name where the kernel knows the bridge of a frame', () => {
    const steps = plan(BARE, { ...wanting(ONEGATE), arpForm: 'ibrname' });
    expect(steps).toContainEqual({ do: 'list-port', names: ['br0b', 'br0'] });
    expect(steps).toContainEqual(put('guard', 'missing', 'ibrname'));
    expect(steps).toContainEqual(put('arp', 'missing', 'ibrname'));
  });

  test('shares the tables of other bridges', () => {
    const steps = plan({
      ...BARE,
      nft: {
        ...BARE.nft,
        ipTable: 'shared',
        bridgeTable: 'shared',
        portSet: { state: 'shared', listed: false },
        chains: chainsThatAre({ guard: 'right' }),
      },
    });
    expect(steps.slice(FRESH_LINKS.length).map(nameOf)).toEqual([
      'list-port',
      'put-chain arp',
      'create-tap-map',
      'change-taps',
      'put-chain redirect',
      'create-map',
      'change-endpoints',
    ]);
  });

  test('has the MTU of its ports, or its own where it has none', () => {
    const device = { is: 'bridge', mtu: 9000 } as const;
    expect(plan({ ...BARE, device, ports: [] })).toContainEqual({ ...CREATE_VETH, mtu: 9000 });
    expect(plan({ ...BARE, device })).toContainEqual({ ...CREATE_VETH, mtu: 1500 });
  });

  test('needs nothing when it has no endpoint', () => {
    expect(plan(BARE, wanting())).toEqual([]);
  });
});

describe('a bridge that has everything', () => {
  test('needs nothing', () => {
    expect(plan(PLUMBED)).toEqual([]);
  });

  test('needs nothing either when others share its tables', () => {
    const shared = { state: 'shared', listed: true } as const;
    expect(plan(plumbed({ nft: { ipTable: 'shared', bridgeTable: 'shared', portSet: shared } }))).toEqual([]);
  });

  test.each<[string, Desired, object]>([
    ['a new endpoint', wanting(ONEGATE, CUSTOM), { remove: [], add: [CUSTOM] }],
    ['one that is no longer wanted', wanting(CUSTOM), { remove: [ONEGATE], add: [CUSTOM] }],
    [
      'another upstream',
      wanting({ ...ONEGATE, upstream: CUSTOM.upstream }),
      { remove: [ONEGATE], add: [{ ...ONEGATE, upstream: CUSTOM.upstream }] },
    ],
    [
      'another option',
      wanting({ ...ONEGATE, comment: 'proxy=v2' }),
      { remove: [ONEGATE], add: [{ ...ONEGATE, comment: 'proxy=v2' }] },
    ],
  ])('changes by difference: %s', (_, desired, change) => {
    expect(plan(PLUMBED, desired)).toEqual([{ do: 'change-endpoints', bridge: 'br0', ...change }]);
  });
});

const REMADE = [
  CREATE_VETH,
  ...IN_BRIDGE,
  { do: 'write-sysctls', netns, sysctls: DEVICE_SYSCTLS },
  ...DEVICE_READY,
];
const DELETE_VETH = { do: 'delete-veth', port: 'br0b' };
const DELETE_DEVICE = { do: 'delete-device', netns, device: 'br0a' };

const TAP_1400 = [{ name: 'one-7-0', kind: 'tun', mtu: 1400 }, ...PLUMBED.ports.slice(1)];

describe('"exists" is not "correct"', () => {
  test.each<[string, Facts, readonly object[]]>([
    [
      'the port is in no bridge',
      plumbed({ port: { master: undefined } }),
      [
        { do: 'set-port-master', port: 'br0b', bridge: 'br0' },
        { do: 'pin-mac', port: 'br0b', mac: MAC },
      ],
    ],
    [
      'the port is in another bridge',
      plumbed({ port: { master: 'br1' } }),
      [
        { do: 'set-port-master', port: 'br0b', bridge: 'br0' },
        { do: 'pin-mac', port: 'br0b', mac: MAC },
      ],
    ],
    ['the port is down', plumbed({ port: { up: false } }), [{ do: 'set-port-up', port: 'br0b' }]],
    [
      'the ports of the bridge have another MTU now',
      plumbed({ ports: TAP_1400 }),
      [
        { do: 'set-port-mtu', port: 'br0b', mtu: 1400 },
        { do: 'set-device-mtu', netns, device: 'br0a', mtu: 1400 },
      ],
    ],
    [
      'the device in the netns is down, and its route went with it',
      plumbed({ device: { up: false }, inside: { hasRoute: false } }),
      [
        { do: 'set-device-up', netns, device: 'br0a' },
        { do: 'add-route', netns, device: 'br0a' },
      ],
    ],
    [
      'the address is missing',
      plumbed({ device: { hasAddress: false } }),
      [{ do: 'add-address', netns, device: 'br0a' }],
    ],
    [
      'the route is missing',
      plumbed({ inside: { hasRoute: false } }),
      [{ do: 'add-route', netns, device: 'br0a' }],
    ],
    ['lo is down', plumbed({ inside: { loUp: false } }), [{ do: 'set-lo-up', netns }]],
    [
      'a sysctl is different',
      plumbed({ inside: { sysctls: new Map(ALL_SYSCTLS).set('net/ipv4/tcp_syncookies', '0') } }),
      [{ do: 'write-sysctls', netns, sysctls: new Map([['net/ipv4/tcp_syncookies', '1']]) }],
    ],
    [
      'forwarding is on: the others follow, because switching it resets some of them',
      plumbed({ inside: { sysctls: new Map(ALL_SYSCTLS).set('net/ipv4/ip_forward', '1') } }),
      [{ do: 'write-sysctls', netns, sysctls: ALL_SYSCTLS }],
    ],
    [
      'a sysctl that this kernel does not have',
      plumbed({ inside: { sysctls: new Map([...ALL_SYSCTLS].filter(([path]) => !path.includes('ipv6'))) } }),
      [],
    ],
    [
      'the pair is gone',
      plumbed({ port: { is: 'missing' }, device: 'missing', inside: { hasRoute: false } }),
      REMADE,
    ],
    [
      'the other end is in the root namespace',
      plumbed({ port: { peerIndex: undefined }, device: 'missing', inside: { hasRoute: false } }),
      [DELETE_VETH, ...REMADE],
    ],
    [
      'the other end is in another netns',
      plumbed({ port: { peerIndex: 9 }, device: 'missing', inside: { hasRoute: false } }),
      [DELETE_VETH, ...REMADE],
    ],
    [
      'the device in the netns belongs to another pair',
      plumbed({ device: { index: 3, peerIndex: 12 } }),
      [DELETE_VETH, DELETE_DEVICE, ...REMADE],
    ],
    [
      'the port is missing and a device of its name is in the netns',
      plumbed({ port: { is: 'missing' } }),
      [DELETE_DEVICE, ...REMADE],
    ],
    ['the netns is gone', plumbed({ netns: { is: 'missing' } }), withVethReplaced(FRESH_LINKS)],
    [
      'a netns file has no namespace behind it',
      plumbed({ netns: { is: 'stale' } }),
      [{ do: 'delete-netns', netns }, ...withVethReplaced(FRESH_LINKS)],
    ],
    ['the ARP chain is gone', plumbed({ nft: { chain: 'missing' } }), [put('arp')]],
    ['the ARP chain has other rules', plumbed({ nft: { chain: 'wrong-rules' } }), [put('arp', 'wrong')]],
    ['the ARP chain hangs on another hook', plumbed({ nft: { chain: 'wrong-hook' } }), [put('arp', 'wrong')]],
    [
      'our port is not in the set of veth ports',
      plumbed({ nft: { portSet: { state: 'alone', listed: false } } }),
      [{ do: 'list-port', names: ['br0b'] }],
    ],
    ['the guard is gone', plumbed({ nft: { guard: 'missing' } }), [put('guard')]],
    ['the guard has other rules', plumbed({ nft: { guard: 'wrong-rules' } }), [put('guard', 'wrong')]],
    [
      'the bridge would learn our MAC elsewhere',
      plumbed({ port: { pinned: [{ mac: '02:00:00:00:00:99', vlan: undefined }] } }),
      [{ do: 'pin-mac', port: 'br0b', mac: MAC }],
    ],
    [
      'the ruleset of the netns is not ours',
      plumbed({ inside: { guarded: false } }),
      [{ do: 'write-ruleset', netns, device: 'br0a' }],
    ],
    [
      'the endpoint map is gone, its table with it',
      plumbed({ nft: { endpoints: undefined, ipTable: 'missing' } }),
      [
        { do: 'create-table', family: 'ip' },
        { do: 'create-map', bridge: 'br0' },
        { do: 'change-endpoints', bridge: 'br0', remove: [], add: [ONEGATE] },
      ],
    ],
  ])('%s', (_, facts, steps) => {
    expect(plan(facts)).toMatchObject(steps);
    expect(plan(facts)).toHaveLength(steps.length);
  });

  test('a stranger that has the name of our port is told of, not touched', () => {
    const facts = plumbed({ port: { is: 'stranger', kind: 'bridge' } });
    expect(() => plan(facts)).toThrow(
      'bridge br0: br0b is taken by a device of kind bridge; rename or delete that device',
    );
  });
});

/** The port is still there, although its netns is not. */
function withVethReplaced(steps: readonly object[]): object[] {
  const [first, ...rest] = steps;
  return [first ?? {}, DELETE_VETH, ...rest];
}

describe('frames of guests go to the nearest proxy', () => {
  const OLD = '02:00:00:00:00:99';
  const taps = (...entries: [string, string][]) =>
    plumbed({ nft: { redirect: { chain: 'right', taps: new Map(entries) } } });
  const two = { here: ['one-7-0', 'one-9-0'], elsewhere: new Set(['one-8-0']) };

  test.each<[string, Facts, Desired['taps'], readonly object[]]>([
    [
      'a second guest',
      PLUMBED,
      two,
      [{ do: 'change-taps', remove: [], add: [{ tap: 'one-9-0', mac: MAC }] }],
    ],
    [
      'a guest of another bridge',
      taps(['one-7-0', MAC], ['one-8-0', OLD]),
      { ...TAPS, elsewhere: new Set(['one-8-0']) },
      [],
    ],
    [
      'a guest that has gone without a word',
      taps(['one-7-0', MAC], ['one-6-0', OLD]),
      TAPS,
      [{ do: 'change-taps', remove: [{ tap: 'one-6-0', mac: OLD }], add: [] }],
    ],
    [
      'a guest whose veth has another MAC now',
      taps(['one-7-0', OLD]),
      TAPS,
      [{ do: 'change-taps', remove: [{ tap: 'one-7-0', mac: OLD }], add: [TAP] }],
    ],
    [
      'no guest with a tap, by hand',
      PLUMBED,
      { here: [], elsewhere: new Set<string>() },
      [drop('redirect'), { do: 'change-taps', remove: [TAP], add: [] }, { do: 'delete-tap-map' }],
    ],
    [
      'the chain is gone',
      plumbed({ nft: { redirect: { chain: 'missing', taps: PLUMBED.nft.taps } } }),
      TAPS,
      [put('redirect')],
    ],
    [
      'the chain has other rules',
      plumbed({ nft: { redirect: { chain: 'wrong-rules', taps: PLUMBED.nft.taps } } }),
      TAPS,
      [put('redirect', 'wrong')],
    ],
    [
      'the veth is one of a stock driver, with a MAC of its own',
      plumbed({ device: { mac: OLD }, nft: { redirect: { chain: 'missing', taps: undefined } } }),
      TAPS,
      [
        { do: 'pin-mac', port: 'br0b', mac: OLD },
        { do: 'create-tap-map' },
        { do: 'change-taps', remove: [], add: [{ tap: 'one-7-0', mac: OLD }] },
        put('redirect'),
      ],
    ],
  ])('%s', (_, facts, there, steps) => {
    expect(plan(facts, { ...wanting(ONEGATE), taps: there })).toEqual(steps);
  });
});

describe('what ports may send', () => {
  const policing = { portRate: 300, portBandwidth: 400 };
  const OFF = { portRate: 0, portBandwidth: 0 };
  const create = put('police', 'missing', 'port-set', policing);
  const rewrite = put('police', 'wrong', 'port-set', policing);

  test.each<[string, NftChain | undefined, Policing | undefined, readonly object[]]>([
    ['no limit, and there is none', undefined, OFF, []],
    ['limited', undefined, policing, [create]],
    ['limited as it is', policeChain(policing), policing, []],
    ['to other numbers', policeChain({ ...policing, portRate: 301 }), policing, [rewrite]],
    ['in one way more', policeChain({ ...policing, portRate: 0 }), policing, [rewrite]],
    ['in the other form', policeChain(policing, 'ibrname'), policing, [rewrite]],
    [
      'on another hook',
      { ...policeChain(policing), base: 'filter forward -200 accept' },
      policing,
      [rewrite],
    ],
    [
      'a rule is missing',
      { ...policeChain(policing), rules: policeChain(policing).rules.slice(1) },
      policing,
      [rewrite],
    ],
    ['no longer', policeChain(policing), OFF, [drop('police')]],
    ['nobody knows, and there is none', undefined, undefined, []],
    ['nobody knows, so it stays', policeChain(policing), undefined, []],
  ])('%s', (_, police, wanted, steps) => {
    const desired = { ...wanting(ONEGATE), policing: wanted };
    expect(plan(plumbed({ nft: { police } }), desired)).toEqual(steps);
  });

  test('goes with the last bridge, and not before', () => {
    const nft = { police: policeChain(policing) };
    expect(plan(plumbed({ nft }), wanting())).toContainEqual(drop('police'));
    const portSet = { state: 'shared', listed: true } as const;
    expect(plan(plumbed({ nft: { ...nft, portSet } }), wanting())).not.toContainEqual(drop('police'));
  });
});

describe('taking it away', () => {
  const remove = (facts: Facts) => plan(facts, wanting()).map(nameOf);

  test('alone on its host: no trace, nft first', () => {
    expect(remove(PLUMBED)).toEqual([
      'delete-map',
      'delete-table',
      'drop-chain arp',
      'drop-chain guard',
      'unlist-port',
      'delete-port-set',
      'drop-chain redirect',
      'change-taps',
      'delete-tap-map',
      'delete-table',
      'delete-veth',
      'delete-netns',
    ]);
  });

  test('leaves what other bridges need', () => {
    const shared = { state: 'shared', listed: true } as const;
    const taps = new Map([
      ['one-7-0', MAC],
      ['one-8-0', '02:00:00:00:00:99'],
    ]);
    const redirect = { chain: 'right', taps } as const;
    const facts = plumbed({ nft: { ipTable: 'shared', bridgeTable: 'shared', portSet: shared, redirect } });
    const steps = plan(facts, { ...wanting(), taps: { here: [], elsewhere: new Set(['one-8-0']) } });
    expect(steps.map(nameOf)).toEqual([
      'delete-map',
      'drop-chain arp',
      'unlist-port',
      'change-taps',
      'delete-veth',
      'delete-netns',
    ]);
    expect(steps).toContainEqual({ do: 'change-taps', remove: [TAP], add: [] });
  });

  test.each<[string, Facts, string[]]>([
    ['nothing was there', BARE, []],
    ['the bridge is already deleted', { ...PLUMBED, device: { is: 'missing' } }, remove(PLUMBED)],
    ['only a stale netns is left', { ...BARE, netns: { is: 'stale' } }, ['delete-netns']],
    ['only the port is left', { ...BARE, port: PLUMBED.port }, ['delete-veth']],
    [
      'empty tables are left',
      { ...BARE, nft: { ...BARE.nft, ipTable: 'alone', bridgeTable: 'alone' } },
      ['delete-table', 'delete-table'],
    ],
    ['a stranger has the name of our port', { ...BARE, port: { is: 'stranger', kind: 'dummy' } }, []],
  ])('%s', (_, facts, steps) => {
    expect(remove(facts)).toEqual(steps);
  });
});
