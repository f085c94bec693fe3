import { describe, expect, test } from 'vitest';
import type { Facts, Port } from '../../../src/driver/facts/facts.ts';
import { planBridge } from '../../../src/driver/plan/plan.ts';
import type { Step } from '../../../src/driver/plan/steps.ts';
import { MAC, ONEGATE, PORT_MAC, plumbed, TAPS } from './facts.ts';

const FILTERS = {
  is: 'bridge',
  mtu: 1500,
  mac: '52:54:00:00:00:01',
  info: { filtersVlans: true, stpDelayS: undefined, callsIptables: false },
} as const;

/** `10u` is untagged in VLAN 10, `20` tagged. */
function port(name: string, kind: string, ...vlans: string[]): Port {
  const members = vlans.map((vlan) => ({ id: Number.parseInt(vlan, 10), untagged: vlan.endsWith('u') }));
  return { name, kind, mtu: 1500, vlans: members };
}

const pins = (...vlans: (number | undefined)[]) => vlans.map((vlan) => ({ mac: MAC, vlan }));
const PIN = { do: 'pin-mac', port: 'br0b', mac: MAC };
const join = (vlan: number, ...leave: number[]) => ({ do: 'set-port-vlan', port: 'br0b', vlan, leave });
const desired = {
  endpoints: [ONEGATE],
  mac: MAC,
  portMac: PORT_MAC,
  arpForm: 'port-set',
  taps: TAPS,
  policing: undefined,
  lacks: new Set<string>(),
} as const;

function plan(change: Parameters<typeof plumbed>[0], ...ports: Port[]): readonly Step[] {
  return planBridge(plumbed({ bridge: FILTERS, ...change, ports }), desired);
}

describe('on a bridge that filters by VLANs', () => {
  test.each<[string, readonly Port[], readonly (number | undefined)[], readonly object[]]>([
    [
      'our port is where the guests are',
      [port('one-7-0', 'tun', '10u'), port('br0b', 'veth', '10u')],
      [undefined, 10],
      [],
    ],
    [
      'our port is in no VLAN, as with vlan_default_pvid 0',
      [port('one-7-0', 'tun', '10u'), port('br0b', 'veth')],
      [undefined],
      [join(10), PIN],
    ],
    [
      'our port is in the one that the bridge gives to every port',
      [port('one-7-0', 'tun', '10u'), port('one-8-0', 'veth', '10u'), port('br0b', 'veth', '1u')],
      [undefined, 1],
      [join(10, 1), PIN],
    ],
    [
      'QinQ: VLANs that the guest tags itself do not matter, nor do those of an uplink',
      [
        port('one-7-0', 'tun', '100u', '200', '300'),
        port('eth0.100', 'vlan', '100u', '200'),
        port('eth1', 'dummy', '5u'),
        port('br0b', 'veth'),
      ],
      [undefined],
      [join(100), PIN],
    ],
    [
      'no guest is in any VLAN yet: ours stays where somebody put it',
      [port('one-7-0', 'tun'), port('br0b', 'veth', '100u')],
      [undefined, 100],
      [],
    ],
    [
      'the MAC is pinned in another VLAN than the one of the port',
      [port('one-7-0', 'tun', '10u'), port('br0b', 'veth', '10u')],
      [undefined, 1],
      [PIN],
    ],
    [
      'somebody put our port into one VLAN more, where nothing is pinned',
      [port('one-7-0', 'tun', '10u'), port('br0b', 'veth', '10u', '20')],
      [undefined, 10],
      [PIN],
    ],
  ])('%s', (_, ports, pinned, steps) => {
    expect(plan({ port: { pinned: pins(...pinned) } }, ...ports)).toEqual(steps);
  });

  test('a pair that is made anew is put where it was, though no guest tells', () => {
    const steps = plan(
      { device: { peerIndex: 99 } },
      port('one-7-0', 'tun'),
      port('br0b', 'veth', '100u'),
    ).map((step) => step.do);
    expect(steps.slice(0, 6)).toEqual([
      'delete-veth',
      'delete-device',
      'create-veth',
      'set-port-master',
      'set-port-up',
      'set-port-vlan',
    ]);
  });

  test.each<[string, readonly Port[], string]>([
    [
      'guests in two VLANs',
      [port('one-7-0', 'tun', '10u'), port('one-8-0', 'tun', '20u')],
      'one-7-0 in VLAN 10, one-8-0 in VLAN 20',
    ],
    ['a guest that tags all its frames', [port('one-7-0', 'tun', '10')], 'one-7-0 in no untagged VLAN'],
  ])('%s are refused', (_, ports, which) => {
    expect(() => plan({}, ...ports)).toThrow(
      `bridge br0: its guests are in different VLANs: ${which}; give each VLAN its own bridge`,
    );
  });

  test('where it does not filter, nothing of it is done', () => {
    const facts: Facts = plumbed({ ports: [port('one-7-0', 'tun', '10u'), port('br0b', 'veth', '1u')] });
    expect(planBridge(facts, desired)).toEqual([]);
  });
});

describe('the MAC of our port', () => {
  const bridgeMac = (mac: string): Facts['device'] => ({ is: 'bridge', mtu: 1500, mac });
  test.each<[string, Parameters<typeof plumbed>[0], readonly object[]]>([
    [
      'that a stock driver gave it is low, and is made high',
      { port: { mac: '0a:00:00:00:00:01' }, bridge: bridgeMac('02:00:00:00:00:01') },
      [{ do: 'set-port-mac', port: 'br0b', mac: PORT_MAC }],
    ],
    [
      'stays when the bridge has taken it: its address would change under its neighbours',
      { port: { mac: '0a:00:00:00:00:01' }, bridge: bridgeMac('0a:00:00:00:00:01') },
      [],
    ],
    ['that is high already stays', { port: { mac: 'fe:54:00:00:00:01' } }, []],
  ])('%s', (_, change, steps) => {
    expect(planBridge(plumbed(change), desired)).toEqual(steps);
  });

  test('is kept by a pair that is made anew when the bridge has taken it', () => {
    const mac = '0a:00:00:00:00:01';
    const steps = planBridge(
      plumbed({ port: { mac }, device: { peerIndex: 99 }, bridge: bridgeMac(mac) }),
      desired,
    );
    expect(steps.find((step) => step.do === 'create-veth')).toMatchObject({ portMac: mac });
  });
});
