import { describe, expect, test } from 'vitest';
import { judgeAddress, judgeForwarding, judgeVlan } from '../../../../src/doctor/crossing/judge-port.ts';
import { judgeManagers, managerIn } from '../../../../src/doctor/crossing/managers.ts';
import type { Port } from '../../../../src/driver/facts/facts.ts';
import type { Link } from '../../../../src/system/ip-json.ts';

const BRIDGE: Link = {
  ...{
    name: 'br0',
    index: 2,
    kind: 'bridge',
    master: undefined,
    up: true,
    mtu: 1500,
    mac: 'e4:00:00:00:00:01',
  },
  ...{ peerIndex: undefined, peer: undefined, addresses: [], bridgePort: undefined },
  bridge: { filtersVlans: false, stpDelayS: 15, callsIptables: false },
};
const PORT: Link = {
  ...{
    ...BRIDGE,
    name: 'br0b',
    index: 6,
    kind: 'veth',
    master: 'br0',
    mac: 'fe:ff:10:09:00:01',
    bridge: undefined,
  },
  bridgePort: { state: 'forwarding', timerS: 0 },
};
const UPLINK: Link = { ...PORT, name: 'eth0', kind: undefined, mac: BRIDGE.mac };

function port(name: string, ...untagged: number[]): Port {
  return {
    name,
    kind: name === 'br0b' ? 'veth' : 'tun',
    mtu: 1500,
    vlans: untagged.map((id) => ({ id, untagged: true })),
  };
}

describe('VLAN', () => {
  test.each<[string, readonly Port[], object]>([
    ['no filter', [{ name: 'br0b', kind: 'veth', mtu: 1500 }], { verdict: 'ok' }],
    ['the same', [port('br0b', 10), port('one-7-0', 10)], { verdict: 'ok', seen: 'VLAN 10, as the guests' }],
    [
      'another',
      [port('br0b', 1), port('one-7-0', 10)],
      { verdict: 'failed', seen: 'br0b is in VLAN 1, its guests are in VLAN 10', remedy: 'run tproxy apply' },
    ],
    ['none', [port('br0b'), port('one-7-0', 10)], { verdict: 'failed' }],
    ['none, and no guest either', [port('br0b')], { verdict: 'warning' }],
    ['several', [port('br0b', 10), port('one-7-0', 10), port('one-8-0', 20)], { verdict: 'failed' }],
  ])('%s', (_, ports, finding) => {
    expect(judgeVlan('br0', ports)).toMatchObject(finding);
  });
});

test.each<[string, number, object]>([
  ['forwarding', 0, { verdict: 'ok' }],
  ['listening', 14.5, { verdict: 'warning', seen: 'br0b forwards in 30 s: br0 runs a spanning tree' }],
  ['learning', 3, { verdict: 'warning', seen: 'br0b forwards in 3 s: br0 runs a spanning tree' }],
  ['blocking', 0, { verdict: 'failed', seen: 'the spanning tree of br0 keeps br0b blocking' }],
  ['disabled', 0, { verdict: 'failed', seen: 'br0b has no carrier' }],
])('a port that is %s', (state, timerS, finding) => {
  expect(judgeForwarding('br0', [BRIDGE, { ...PORT, bridgePort: { state, timerS } }])).toMatchObject(finding);
});

const LOW = '0a:00:00:00:00:01';
test.each<[string, readonly Link[], boolean, object]>([
  ['of the uplink', [BRIDGE, PORT, UPLINK], false, { verdict: 'ok' }],
  [
    'of our port',
    [{ ...BRIDGE, mac: LOW }, { ...PORT, mac: LOW }, UPLINK],
    false,
    { verdict: 'warning', remedy: expect.stringContaining(`ip link set dev br0 address ${LOW}`) },
  ],
  ['of our port, by hand', [{ ...BRIDGE, mac: LOW }, { ...PORT, mac: LOW }, UPLINK], true, { verdict: 'ok' }],
  ['of our port, which is alone', [{ ...BRIDGE, mac: PORT.mac }, PORT], false, { verdict: 'ok' }],
])('a bridge with the address %s', (_, links, fixed, finding) => {
  expect(judgeAddress('br0', links, fixed)).toMatchObject(finding);
});

describe('network managers', () => {
  const configured = 'ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10-br.network\n';
  test.each<[string, string, object | undefined]>([
    ['', '', undefined],
    ['ADMIN_STATE=unmanaged\n', '', undefined],
    [configured, '', { name: 'systemd-networkd', file: '/etc/systemd/network/10-br.network' }],
    ['', '[device]\nmanaged=false\n', undefined],
    ['', '[device]\nmanaged=true\n', { name: 'NetworkManager' }],
  ])('%j, %j', (networkd, networkManager, manager) => {
    if (manager === undefined) expect(managerIn(networkd, networkManager)).toBeUndefined();
    else expect(managerIn(networkd, networkManager)).toMatchObject(manager);
  });

  const networkd = managerIn(configured, '');
  test.each<[string, Link, typeof networkd, object]>([
    ['nobody', PORT, undefined, { verdict: 'ok' }],
    ['one that has done no harm yet', PORT, networkd, { verdict: 'warning' }],
    [
      'one that took the port',
      { ...PORT, master: undefined, addresses: ['10.0.0.5/24'] },
      networkd,
      {
        verdict: 'failed',
        seen: 'systemd-networkd (/etc/systemd/network/10-br.network) manages br0b: it is no port of br0, it has the address 10.0.0.5/24',
        remedy: expect.stringContaining('ip address flush dev br0b, and run tproxy apply'),
      },
    ],
    ['somebody who is not known', { ...PORT, addresses: ['10.0.0.5/24'] }, undefined, { verdict: 'failed' }],
  ])('%s', (_, link, manager, finding) => {
    expect(judgeManagers('br0', link, manager)).toMatchObject(finding);
  });
});
