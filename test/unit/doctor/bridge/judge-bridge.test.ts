import { describe, expect, test } from 'vitest';
import { judgeBridge, judgeGuests } from '../../../../src/doctor/bridge/judge-bridge.ts';
import type { Attachment } from '../../../../src/driver/attachments/attachment.ts';
import type { Link } from '../../../../src/system/ip-json.ts';

const LINK: Link = {
  name: 'br0',
  index: 2,
  kind: 'bridge',
  master: undefined,
  up: true,
  mtu: 1500,
  mac: undefined,
  peerIndex: undefined,
  peer: undefined,
  bridge: undefined,
  bridgePort: undefined,
  addresses: [],
};

describe('the device of the bridge', () => {
  test.each<[string, readonly Link[], object]>([
    [
      'is there',
      [LINK, { ...LINK, name: 'br0b', master: 'br0' }],
      { verdict: 'ok', seen: 'up, MTU 1500, 1 port' },
    ],
    ['is missing', [{ ...LINK, name: 'br1' }], { verdict: 'failed', seen: 'there is no device br0' }],
    [
      'is no bridge',
      [{ ...LINK, kind: 'vlan' }],
      { verdict: 'failed', seen: 'br0 is a device of kind vlan' },
    ],
    [
      'is a NIC',
      [{ ...LINK, kind: undefined }],
      { verdict: 'failed', seen: 'br0 is a device of kind physical' },
    ],
    [
      'is down',
      [{ ...LINK, up: false }],
      { verdict: 'failed', seen: 'br0 is down', remedy: 'ip link set br0 up' },
    ],
  ])('%s', (_name, links, finding) => {
    expect(judgeBridge('br0', links)).toMatchObject(finding);
  });
});

function attachment(tap: string): Attachment {
  const moment = { bootId: 'boot', uptimeS: 1 };
  const [, vmId = '', nicId = ''] = tap.split('-');
  return {
    owner: { is: 'vm', vmId, nicId, tap },
    bridge: 'br0',
    network: { name: 'net' },
    since: moment,
    seen: moment,
    servicePorts: [5030],
  };
}

const BY_HAND: Attachment = { ...attachment('one-1-0'), owner: { is: 'hand' } };

describe('attachments against guests', () => {
  const ports = (...names: string[]) => names.map((name) => ({ name, kind: 'tun', mtu: 1500 }));
  const none = { living: [], leftover: [], damaged: [] };
  test.each<[string, ReturnType<typeof ports>, object, object]>([
    [
      'a guest',
      ports('br0b', 'one-7-0'),
      { living: [attachment('one-7-0')] },
      { verdict: 'ok', seen: '1 guest port' },
    ],
    [
      'a guest without a record',
      ports('one-8-0'),
      {},
      { verdict: 'ok', seen: '1 guest port, deployed by another driver: one-8-0' },
    ],
    ['by hand', ports(), { living: [BY_HAND] }, { verdict: 'ok', seen: '0 guest ports, 1 attached by hand' }],
    [
      'a record without a port',
      ports('one-7-0'),
      { living: [attachment('one-9-0')] },
      { verdict: 'warning', seen: 'recorded, but no port of the bridge: one-9-0' },
    ],
    [
      'a record that nothing stands for any more',
      ports(),
      { leftover: [attachment('one-7-0')] },
      { verdict: 'warning', seen: 'records of NICs that are gone: one-7-0', remedy: 'run tproxy apply' },
    ],
    [
      'a damaged record',
      ports(),
      { damaged: ['vm-7-0.json: no JSON'] },
      { verdict: 'warning', seen: 'vm-7-0.json: no JSON' },
    ],
  ])('%s', (_name, list, seen, finding) => {
    expect(judgeGuests({ bridge: 'br0', ports: list }, { ...none, ...seen })).toMatchObject(finding);
  });
});
