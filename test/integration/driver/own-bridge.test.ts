import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { detach } from '../../../src/driver/down.ts';
import { planHost } from '../../../src/driver/host.ts';
import { attach } from '../../../src/driver/up.ts';
import { addBridge, addGuest } from '../../support/network.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type BoxDeps, boxDeps, service, traces, vm } from './box-deps.ts';

/** What a bridge does by itself, and what is on it already: its address, its spanning tree, devices of others. */
const SERVICES = [service(5030, '10.11.12.13:5030')];
const NIC = { ...vm(7, 'br0', 'a'), uplinks: ['uplink'] };

let box: Sandbox;
let deps: BoxDeps;

beforeEach(async () => {
  box = await Sandbox.create();
  deps = boxDeps(box);
});

afterEach(() => box.close());

async function mac(device: string): Promise<string> {
  const [link] = JSON.parse(await box.sh(`ip -j link show dev ${device}`)) as { address: string }[];
  return link?.address ?? 'none';
}

async function stateOf(port: string): Promise<string> {
  const [link] = JSON.parse(await box.sh(`ip -j -d link show dev ${port}`)) as {
    linkinfo: { info_slave_data: { state: string } };
  }[];
  return link?.linkinfo.info_slave_data.state ?? 'none';
}

/** An uplink as a network card has it: a MAC above those that the kernel makes up for half of all devices. */
async function addUplink(address: string): Promise<void> {
  await box.sh(`
    ip link add uplink address ${address} type veth peer name far
    ip link set uplink master br0 up
    ip link set far up
  `);
}

describe('the address of the bridge, which has none of its own,', () => {
  test.each(['e4:54:e8:00:00:01', 'fe:54:00:00:00:01'])('stays that of its port %s', async (address) => {
    await addBridge(box, 'br0');
    await addUplink(address);
    expect(await mac('br0')).toBe(address);

    await attach(NIC, SERVICES, deps);
    expect(await mac('br0')).toBe(address);
    await addGuest(box, 'br0', { ip: '192.168.1.7', vmId: 7 });
    await box.sh('ip link delete one-7-0');
    expect(await mac('br0')).toBe(address);
    await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps);
    expect(await mac('br0')).toBe(address);
  });

  test('stays when the pair is made again', async () => {
    await addBridge(box, 'br0');
    await addUplink('e4:54:e8:00:00:01');
    await attach(NIC, SERVICES, deps);
    await box.sh('ip link delete br0b');
    await attach(NIC, SERVICES, deps);
    expect(await mac('br0')).toBe('e4:54:e8:00:00:01');
  });

  test('stays when a low one of a stock driver is raised, and where the bridge has taken that, it is left alone', async () => {
    await addBridge(box, 'br0');
    await addUplink('02:00:00:00:00:01');
    await attach(NIC, SERVICES, deps);
    const own = await mac('br0b');
    await box.sh('ip link set br0b address 0a:00:00:00:00:02');
    await attach(NIC, SERVICES, deps);
    expect([await mac('br0'), await mac('br0b')]).toEqual(['02:00:00:00:00:01', own]);

    await box.sh('ip link set br0b address 00:00:00:00:00:02');
    expect(await mac('br0')).toBe('00:00:00:00:00:02');
    await attach(NIC, SERVICES, deps);
    expect([await mac('br0'), await mac('br0b')]).toEqual(['00:00:00:00:00:02', '00:00:00:00:00:02']);
  });
});

describe('a bridge with a spanning tree', () => {
  test('is waited for while that is short', async () => {
    // Two seconds is the least that the kernel takes.
    await box.sh('ip link add br0 type bridge stp_state 1 forward_delay 200\nip link set br0 up');
    expect(await attach(NIC, SERVICES, deps)).toEqual({
      is: 'ready',
      servicePorts: [5030],
      changed: true,
    });
    expect(await stateOf('br0b')).toBe('forwarding');
  });

  test('is told with the time that it takes where that is long', async () => {
    await box.sh('ip link add br0 type bridge stp_state 1 forward_delay 1500\nip link set br0 up');
    const attached = await attach(NIC, SERVICES, deps);
    expect(attached).toMatchObject({ is: 'ready', notYet: { is: 'soon' } });
    expect(await stateOf('br0b')).not.toBe('forwarding');
    // Again, and nothing has to be done: it still says when.
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ changed: false, notYet: { is: 'soon' } });
  });
});

describe("a stranger's device of the name of our port", () => {
  test.each<[string, string]>([
    ['in the bridge', 'ip link add br0b type veth peer name br0x\nip link set br0b master br0'],
    ['beside it', 'ip link add br0b type veth peer name br0x'],
    [
      'with its other end in a namespace',
      'ip netns add theirs\nip link add br0b type veth peer name br0x netns theirs\nip link set br0b master br0',
    ],
  ])('is refused and stays: a veth %s', async (_, commands) => {
    await addBridge(box, 'br0');
    await box.sh(commands);
    const before = await traces(box);
    await expect(attach(NIC, SERVICES, deps)).rejects.toThrow(/br0b is taken by a veth whose other end is/);
    expect(await traces(box)).toBe(before);
    await detach({ ...NIC, taps: [] }, SERVICES, deps);
    expect(await traces(box)).toBe(before);
  });

  test('is none when a stock driver left it on its way', async () => {
    await addBridge(box, 'br0');
    await box.sh('ip link add br0b type veth peer name br0a\nip link set br0b master br0 up');
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ is: 'ready', changed: true });
    expect((await planHost(SERVICES, deps)).flatMap(({ steps }) => steps)).toEqual([]);
  });
});

describe('after the last VM', () => {
  test('all of it goes, although the shim does not say that a veth is the uplink', async () => {
    await addBridge(box, 'br0');
    await addUplink('e4:54:e8:00:00:01');
    const before = await traces(box);
    const nic = vm(7, 'br0', 'a');
    await attach(nic, SERVICES, deps);
    const kept = await detach({ ...nic, taps: [] }, SERVICES, deps);
    expect(kept).toMatchObject({ is: 'as-it-is', ports: ['uplink'] });
    await detach({ ...nic, taps: [], lastGuest: true }, SERVICES, deps);
    expect(await traces(box)).toBe(before);
  });

  test('a living guest keeps its plumbing, whatever a driver says', async () => {
    await addBridge(box, 'br0');
    await addGuest(box, 'br0', { ip: '192.168.1.8', vmId: 8 });
    const nic = vm(7, 'br0', 'a');
    await attach(nic, SERVICES, deps);
    const kept = await detach({ ...nic, taps: ['one-7-0'], lastGuest: true }, SERVICES, deps);
    expect(kept).toMatchObject({ is: 'as-it-is', ports: ['one-8-0'] });
  });
});
