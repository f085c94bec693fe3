import { describe, expect, test } from 'vitest';
import {
  type Attachment,
  attachmentKey,
  byAge,
  isLiving,
} from '../../../src/driver/attachments/attachment.ts';
import { decideAfterLeaving, wantedServices } from '../../../src/driver/decide.ts';
import { bridgeUse } from '../../../src/driver/guests.ts';
import { unionOf } from '../../../src/driver/union.ts';
import { BARE, CUSTOM, ONEGATE, plumbed, service } from './facts.ts';

const at = (uptimeS: number) => ({ bootId: 'boot', uptimeS });

function vm(vmId: number, network: string, uptimeS = vmId, change: Partial<Attachment> = {}): Attachment {
  return {
    owner: { is: 'vm', vmId: `${vmId}`, nicId: '0', tap: `one-${vmId}-0` },
    bridge: 'br0',
    network: { name: network, id: `${network.charCodeAt(0)}` },
    since: at(uptimeS),
    seen: at(uptimeS),
    servicePorts: [],
    ...change,
  };
}

function hand(network: string, uptimeS = 1): Attachment {
  return { ...vm(0, network, uptimeS), owner: { is: 'hand' } };
}

const EVERYWHERE = service(5030, '10.0.0.1:5030');
const ONLY_A = service(80, '10.0.0.2:80', ['a']);
const ONLY_B = service(80, '10.0.0.3:80', ['b']);

describe('services of a bridge', () => {
  test('are the union of what its networks get', () => {
    const only443 = service(443, '10.0.0.4:443', ['b']);
    const { services, conflicts } = unionOf([vm(1, 'a'), vm(2, 'b')], [EVERYWHERE, ONLY_A, only443]);
    expect(services).toEqual([EVERYWHERE, ONLY_A, only443]);
    expect(conflicts).toEqual([]);
  });

  test.each([
    ['the earlier VM', [vm(1, 'a', 10), vm(2, 'b', 20)], ONLY_A],
    ['the earlier VM, whatever the order of the records', [vm(2, 'b', 20), vm(1, 'a', 10)], ONLY_A],
    ['the earlier VM, whatever its number', [vm(1, 'a', 20), vm(2, 'b', 10)], ONLY_B],
    ['of the same instant the lower number', [vm(10, 'b', 5), vm(9, 'a', 5)], ONLY_A],
  ])('where two networks disagree, %s wins', (_, attachments, winner) => {
    const { services, conflicts } = unionOf(attachments, [ONLY_A, ONLY_B]);
    expect(services).toEqual([winner]);
    expect(conflicts).toHaveLength(1);
  });

  test('are told of one conflict only once, however many VMs a network has', () => {
    const attachments = [vm(1, 'a'), vm(2, 'b'), vm(3, 'b'), vm(4, 'a')];
    expect(unionOf(attachments, [ONLY_A, ONLY_B]).conflicts).toEqual([
      {
        service: ONLY_B,
        network: { name: 'b', id: '98' },
        winner: { service: ONLY_A, network: { name: 'a', id: '97' } },
      },
    ]);
  });

  test('the same upstream with other options is a conflict', () => {
    const proxied = { ...ONLY_B, remoteAddr: ONLY_A.remoteAddr, options: { proxyProtocol: 'v2' } as const };
    expect(unionOf([vm(1, 'a'), vm(2, 'b')], [ONLY_A, proxied])).toMatchObject({
      services: [ONLY_A],
      conflicts: [{ service: proxied }],
    });
  });

  test('the same upstream in two entries is no conflict', () => {
    const twin = service(80, '10.0.0.2:80', ['b']);
    expect(unionOf([vm(1, 'a'), vm(2, 'b')], [ONLY_A, twin]).conflicts).toEqual([]);
  });
});

describe('a record', () => {
  const devices = new Set(['br0', 'one-1-0']);

  test.each([
    ['of a VM that runs', vm(1, 'a', 0), at(1_000_000), true],
    [
      'of a VM that runs since before the host agent knew',
      vm(1, 'a', 0),
      { bootId: 'other', uptimeS: 5 },
      true,
    ],
    ['of a VM that is about to start', vm(2, 'a', 100), at(700), true],
    ['of a VM that never came', vm(2, 'a', 100), at(701), false],
    ['of a VM from before the last boot', vm(2, 'a', 100), { bootId: 'other', uptimeS: 101 }, false],
    ['made by hand', hand('a'), at(1_000_000), true],
    ['made by hand before the last boot', hand('a'), { bootId: 'other', uptimeS: 101 }, false],
  ])('%s', (_, attachment, now, living) => {
    expect(isLiving(attachment, devices, now)).toBe(living);
  });

  test('of a VM is the same on any bridge; by hand, each network of each bridge has its own', () => {
    const other = { bridge: 'br1', network: { name: 'z' } };
    expect(attachmentKey({ ...vm(1, 'a'), ...other })).toBe(attachmentKey(vm(1, 'a')));
    const keys = [hand('a'), hand('b'), { ...hand('a'), bridge: 'br1' }, vm(1, 'a'), vm(2, 'a')].map(
      attachmentKey,
    );
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(key).toMatch(/^[\w.-]+$/);
  });

  test('with hostile ids stays one file name', () => {
    const owner = { is: 'vm', vmId: '../../etc', nicId: 'a/b', tap: 'x' } as const;
    expect(attachmentKey({ ...vm(1, 'a'), owner })).not.toContain('/');
  });

  test('sorts by age', () => {
    expect([vm(10, 'a', 5), vm(9, 'a', 5), vm(1, 'a', 7)].sort(byAge).map(attachmentKey)).toEqual([
      'vm-9-0',
      'vm-10-0',
      'vm-1-0',
    ]);
  });
});

describe('guests of a bridge', () => {
  const facts = (...ports: [string, string | undefined][]) => ({
    ...BARE,
    ports: ports.map(([name, kind]) => ({ name, kind, mtu: 1500 })),
  });
  const nothing = { uplinks: [], leaving: [] };

  test('are its ports, less ours, the uplinks and the NIC that leaves', () => {
    const there = facts(
      ['br0b', 'veth'],
      ['eth0', undefined],
      ['eth1.7', 'vlan'],
      ['vx7', 'vxlan'],
      ['bond0', 'bond'],
      ['uplink', 'veth'],
      ['one-1-0', 'tun'],
      ['one-2-0', 'veth'],
    );
    expect(bridgeUse(there, [], { uplinks: ['uplink'], leaving: ['one-1-0'] })).toEqual({
      guestPorts: ['one-2-0'],
      unrecorded: ['one-2-0'],
    });
  });

  test('of stock drivers are those without a record', () => {
    const there = facts(['one-1-0', 'tun'], ['one-2-0', 'tun'], ['tap0', 'tun']);
    expect(bridgeUse(there, [vm(1, 'a')], nothing)).toEqual({
      guestPorts: ['one-1-0', 'one-2-0', 'tap0'],
      unrecorded: ['one-2-0'],
    });
  });
});

describe('what is wanted', () => {
  const alone = { guestPorts: [], unrecorded: [] };
  const stock = { guestPorts: ['one-9-0'], unrecorded: ['one-9-0'] };
  const facts = plumbed({ nft: { endpoints: [ONEGATE, CUSTOM] } });
  const services = [service(5030, '10.11.12.13:5030')];
  const removed = { is: 'remove', why: 'its last guest has left' };

  test.each([
    ['goes, when nobody else is there', alone, new Set<number>(), []],
    ['stays, when a stock driver deployed somebody', stock, new Set<number>(), [CUSTOM]],
    ['goes even then, when we had put it there', stock, new Set([1234]), []],
  ])('an endpoint that no record explains %s', (_, use, owned, foreign) => {
    const situation = { facts, living: [vm(1, 'a')], use };
    expect(wantedServices(situation, services, owned).foreign).toEqual(foreign);
  });

  test.each([
    ['nobody is left', facts, [], alone, services, removed],
    ['nobody is left, and the configuration is unreadable', facts, [], alone, undefined, removed],
    [
      'the bridge is gone',
      { ...facts, device: { is: 'missing' } as const },
      [vm(1, 'a')],
      alone,
      services,
      { is: 'remove', why: 'its bridge is gone' },
    ],
    [
      'only strangers are left',
      facts,
      [],
      stock,
      services,
      { is: 'as-it-is', because: 'unknown-guests', ports: ['one-9-0'] },
    ],
    [
      'somebody is left, and the configuration is unreadable',
      facts,
      [vm(1, 'a')],
      alone,
      undefined,
      { is: 'as-it-is', because: 'unreadable-configuration' },
    ],
    [
      'somebody is left',
      facts,
      [vm(1, 'a')],
      alone,
      services,
      { is: 'services', services, conflicts: [], foreign: [] },
    ],
    [
      'somebody is left and a stranger',
      facts,
      [vm(1, 'a')],
      stock,
      services,
      { is: 'services', services, conflicts: [], foreign: [CUSTOM] },
    ],
  ])('afterwards: %s', (_, there, living, use, readable, expected) => {
    expect(decideAfterLeaving({ facts: there, living, use }, readable)).toEqual(expected);
  });
});
