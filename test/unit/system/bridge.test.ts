import { describe, expect, test } from 'vitest';
import { readVlans } from '../../../src/system/bridge.ts';
import { readPinned } from '../../../src/system/fdb.ts';
import { answering } from './fixtures.ts';

/** As iproute2 6.1 prints it. */
const VLANS = JSON.stringify([
  { ifname: 'br0', vlans: [{ vlan: 1, flags: ['PVID', 'Egress Untagged'] }] },
  {
    ifname: 'one-7-0',
    vlans: [
      { vlan: 100, flags: ['PVID', 'Egress Untagged'] },
      { vlan: 200, vlanEnd: 202 },
    ],
  },
  { ifname: 'br0b', vlans: [] },
]);

describe('VLANs of ports', () => {
  test('are read with the untagged one, and ranges', async () => {
    const vlans = await readVlans(answering({ 'bridge -j vlan show': VLANS }));
    expect(vlans.get('one-7-0')).toEqual([
      { id: 100, untagged: true },
      { id: 200, untagged: false },
      { id: 201, untagged: false },
      { id: 202, untagged: false },
    ]);
    expect(vlans.get('br0b')).toEqual([]);
  });

  test('are none where nothing is printed, and unreadable where nonsense is', async () => {
    expect(await readVlans(answering({ 'bridge -j vlan show': '' }))).toEqual(new Map());
    await expect(readVlans(answering({ 'bridge -j vlan show': '{"br0": 1}' }))).rejects.toThrow(
      /is .*, not a list/,
    );
  });
});

test('pinned MACs are told with their VLAN', async () => {
  const entry = {
    mac: '02:00:00:00:00:01',
    ifname: 'br0b',
    flags: ['sticky'],
    master: 'br0',
    state: 'static',
  };
  const learned = { ...entry, flags: [], state: '' };
  const answer = JSON.stringify([entry, { ...entry, vlan: 10 }, { ...learned, vlan: 20 }]);
  expect(await readPinned(answering({ 'bridge -j fdb show brport br0b': answer }), 'br0b')).toEqual([
    { mac: entry.mac, vlan: undefined },
    { mac: entry.mac, vlan: 10 },
  ]);
});
