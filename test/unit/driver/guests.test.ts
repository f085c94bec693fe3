import { describe, expect, test } from 'vitest';
import type { Attachment } from '../../../src/driver/attachments/attachment.ts';
import { bridgeUse, type KnownPorts } from '../../../src/driver/guests.ts';

const NOBODY: KnownPorts = { uplinks: [], leaving: [] };
const at = { bootId: 'boot', uptimeS: 1 };

function guests(name: string, kind: string | undefined, known: Partial<KnownPorts> = {}, recorded?: string) {
  const living: Attachment[] =
    recorded === undefined
      ? []
      : [
          {
            owner: { is: 'vm', vmId: '7', nicId: '0', tap: recorded },
            ...{ bridge: 'br0', network: {}, since: at, seen: at, servicePorts: [] },
          },
        ];
  const facts = { bridge: 'br0', ports: [{ name, kind, mtu: 1500 }] };
  return bridgeUse(facts, living, { ...NOBODY, ...known }).guestPorts.length > 0;
}

describe('whether a port of a bridge is a guest', () => {
  test.each<[string, string | undefined, boolean]>([
    ['one-7-0', 'tun', true],
    ['mytap0', 'tun', true],
    ['one-7-0', 'veth', true],
    ['vnet3', undefined, true],
    ['veth1a2b3c', 'veth', true],
    ['something', 'a-kind-of-tomorrow', true],
    ['br0b', 'veth', false],
    ['eth0', undefined, false],
    ['eth0.100', 'vlan', false],
    ['vx7', 'vxlan', false],
    ['bond0', 'bond', false],
    ['minionebr-nic', 'dummy', false],
    ['mv0', 'macvlan', false],
    ['sec0', 'macsec', false],
  ])('%s of kind %s: %s', (name, kind, expected) => {
    expect(guests(name, kind)).toBe(expected);
  });

  test.each<[string, string, string, Partial<KnownPorts>, string | undefined, boolean]>([
    [
      'a veth that the template names as uplink is none',
      'up0',
      'veth',
      { uplinks: ['up0'] },
      undefined,
      false,
    ],
    ['a tap that leaves is none', 'one-7-0', 'tun', { leaving: ['one-7-0'] }, undefined, false],
    [
      'a veth is none when a stock driver has seen that no guest is left',
      'up0',
      'veth',
      { lastGuest: true },
      undefined,
      false,
    ],
    ['a tap is one even then', 'one-8-0', 'tun', { lastGuest: true }, undefined, true],
    ['a recorded NIC is one whatever its kind', 'mine0', 'dummy', {}, 'mine0', true],
  ])('%s', (_, name, kind, known, recorded, expected) => {
    expect(guests(name, kind, known, recorded)).toBe(expected);
  });

  test('the port of a bridge of 15 bytes is told by its hashed name', () => {
    const bridge = 'onebr-fifteen-b';
    const ports = [{ name: 'otp5f16f2fe1cb', kind: 'veth', mtu: 1500 }];
    // A name of the same form that is not the one of this bridge may be anybody's.
    expect(bridgeUse({ bridge, ports }, [], NOBODY).guestPorts).toHaveLength(1);
  });
});
