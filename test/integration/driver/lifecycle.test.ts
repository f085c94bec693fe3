import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { detach } from '../../../src/driver/down.ts';
import { attach } from '../../../src/driver/up.ts';
import { addBridge, addGuest } from '../../support/network.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type BoxDeps, boxDeps, changes, mapOf, service, traces, vm } from './box-deps.ts';

const ONEGATE = service(5030, '10.11.12.13:5030');
const ONLY_A = service(80, '10.0.0.1:8080', ['a']);
const ONLY_B = service(443, '10.0.0.2:8443', ['b']);
const SERVICES = [ONEGATE, ONLY_A, ONLY_B];

let box: Sandbox;
let deps: BoxDeps;

beforeEach(async () => {
  box = await Sandbox.create();
  deps = boxDeps(box);
});

afterEach(() => box.close());

describe.each([
  ['an ordinary name', 'br0'],
  ['a dot', 'onebr0.1234'],
  ['a hyphen', 'br-lan'],
  ['15 bytes', 'onebr-fifteen-b'],
])('a bridge whose name has %s', (_, bridge) => {
  test('up, up again, down', async () => {
    await addBridge(box, bridge);
    const before = await traces(box);
    const nic = vm(7, bridge, 'a');

    expect(await attach(nic, SERVICES, deps)).toEqual({
      is: 'ready',
      servicePorts: [5030, 80],
      changed: true,
    });
    expect(await mapOf(box, bridge)).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
    const plumbed = await traces(box);

    deps.commands.length = 0;
    expect(await attach(nic, SERVICES, deps)).toEqual({
      is: 'ready',
      servicePorts: [5030, 80],
      changed: false,
    });
    expect(changes(deps.commands)).toEqual([]);
    expect(await traces(box)).toBe(plumbed);

    expect(await detach({ ...nic, taps: ['one-7-0'] }, SERVICES, deps)).toEqual({
      is: 'removed',
      changed: true,
    });
    expect(await traces(box)).toBe(before);
    expect(await detach({ ...nic, taps: ['one-7-0'] }, SERVICES, deps)).toEqual({
      is: 'removed',
      changed: false,
    });
    expect(deps.synced).toEqual([bridge, bridge, bridge, bridge]);
  });
});

describe('the plumbing', () => {
  test('is what the contract says', async () => {
    await addBridge(box, 'br0');
    await box.sh('ip link set br0 mtu 1400; echo 1 > /proc/sys/net/ipv4/ip_forward');
    await attach(vm(7, 'br0', 'a'), SERVICES, deps);
    const inside = box.netns('one_tproxy_br0');
    expect(await inside.sh("ip -o -4 address show | awk '{print $2, $4}'")).toBe(
      'lo 127.0.0.1/8\nbr0a 169.254.16.9/32\n',
    );
    expect((await inside.sh('ip route show')).trim()).toBe('default dev br0a scope link');
    expect(await inside.sh('ip -o -6 address show')).toBe('');
    expect(await inside.sh('cat /proc/sys/net/ipv4/ip_forward')).toBe('0\n');
    expect(await inside.sh('ip -o link show br0a')).toContain(' mtu 1400 ');
    expect(await box.sh('ip -o link show br0b')).toMatch(/mtu 1400 .* master br0 /);
    expect(await box.sh('nft list map ip one_tproxy ep_br0')).toContain(
      'type inet_service : ipv4_addr . inet_service',
    );
    expect(await box.sh('nft list chain bridge one_tproxy ch_br0')).toContain('169.254.16.9');
  });

  test('can be reached by a guest', async () => {
    await addBridge(box, 'br0');
    const guest = await addGuest(box, 'br0', { ip: '192.168.1.7', vmId: 7 });
    await attach(vm(7, 'br0', 'a'), SERVICES, deps);
    // Nobody listens here, so an answer of the address itself is a refusal.
    const { stderr } = await guest.run(['bash', '--norc', '-c', 'exec 3<>/dev/tcp/169.254.16.9/5030']);
    expect(stderr).toContain('Connection refused');
  });

  test('keeps the MAC of its address when it has to be made again', async () => {
    await addBridge(box, 'br0');
    const mac = () => box.netns('one_tproxy_br0').sh("ip -o link show br0a | sed 's/.*ether //; s/ .*//'");
    await attach(vm(7, 'br0', 'a'), SERVICES, deps);
    const first = await mac();
    await box.sh('ip link delete br0b');
    await attach(vm(7, 'br0', 'a'), SERVICES, deps);
    expect(await mac()).toBe(first);
  });

  test('leaves what others have in the tables', async () => {
    await addBridge(box, 'br0');
    await box.sh('nft -f -', {
      input: `
        table ip one_tproxy { map ep_br9 { type inet_service : ipv4_addr . inet_service; }; }
        table bridge one_tproxy { chain ch_br9 { type filter hook forward priority filter; policy accept; }; }
        table ip other { chain x { type filter hook input priority 0; policy accept; }; }`,
    });
    const before = await traces(box);
    await attach(vm(7, 'br0', 'a'), SERVICES, deps);
    await detach({ ...vm(7, 'br0', 'a'), taps: ['one-7-0'] }, SERVICES, deps);
    expect(await traces(box)).toBe(before);
  });
});

describe('two networks on one bridge', () => {
  const [first, second] = [vm(1, 'br0', 'a'), vm(2, 'br0', 'b')];

  test('have the union, and each takes only its own away', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    await addGuest(box, 'br0', { ip: '192.168.1.1', vmId: 1 });
    await addGuest(box, 'br0', { ip: '192.168.1.2', vmId: 2 });
    await attach(first, SERVICES, deps);
    await attach(second, SERVICES, deps);
    expect(await mapOf(box, 'br0')).toEqual({
      80: '10.0.0.1:8080',
      443: '10.0.0.2:8443',
      5030: '10.11.12.13:5030',
    });

    await box.sh('ip link delete one-1-0; ip netns delete vm-1-0');
    expect(await detach({ ...first, taps: ['one-1-0'] }, SERVICES, deps)).toEqual({
      is: 'shared',
      changed: true,
    });
    expect(await mapOf(box, 'br0')).toEqual({ 443: '10.0.0.2:8443', 5030: '10.11.12.13:5030' });

    // The hook runs while the tap is still there.
    expect(await detach({ ...second, taps: ['one-2-0'] }, SERVICES, deps)).toEqual({
      is: 'removed',
      changed: true,
    });
    await box.sh('ip link delete one-2-0; ip netns delete vm-2-0');
    expect(await traces(box)).toBe(before);
  });

  test('that disagree about a port: the earlier attachment has it, and the other is told', async () => {
    await addBridge(box, 'br0');
    const services = [service(80, '10.0.0.1:80', ['a']), service(80, '10.0.0.2:80', ['b'])];
    await attach(second, services, deps);
    await attach(first, services, deps);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.2:80' });
    expect(deps.lines.join('\n')).toMatch(
      /WARNING bridge br0: service port 80 leads network b to 10.0.0.2:80/,
    );
    // It does not lose its place by being brought up again.
    await attach(second, services, deps);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.2:80' });
    await detach({ ...second, taps: ['one-2-0'] }, services, deps);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:80' });
  });
});

test('two bridges lead the same service port to different upstreams', async () => {
  await addBridge(box, 'br0');
  await addBridge(box, 'br1');
  const before = await traces(box);
  const services = [service(80, '10.0.0.1:80', ['a']), service(80, '10.0.0.2:80', ['b'])];
  const [first, second] = [vm(1, 'br0', 'a'), vm(2, 'br1', 'b')];
  await attach(first, services, deps);
  await attach(second, services, deps);
  expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:80' });
  expect(await mapOf(box, 'br1')).toEqual({ 80: '10.0.0.2:80' });
  await detach({ ...first, taps: [] }, services, deps);
  expect(await mapOf(box, 'br1')).toEqual({ 80: '10.0.0.2:80' });
  await detach({ ...second, taps: [] }, services, deps);
  expect(await traces(box)).toBe(before);
});

describe('a changed configuration', () => {
  test('comes into force with the next up, by difference', async () => {
    await addBridge(box, 'br0');
    await attach(vm(1, 'br0', 'a'), SERVICES, deps);
    const moved = service(80, '10.0.0.9:9090', ['a']);
    await attach(vm(1, 'br0', 'a'), [moved, service(22, '10.0.0.3:22')], deps);
    expect(await mapOf(box, 'br0')).toEqual({ 22: '10.0.0.3:22', 80: '10.0.0.9:9090' });
  });

  test('that leaves no service takes the plumbing away, and the record stays', async () => {
    await addBridge(box, 'br0');
    await attach(vm(1, 'br0', 'a'), SERVICES, deps);
    expect(await attach(vm(1, 'br0', 'a'), [], deps)).toEqual({ is: 'idle' });
    expect(await box.sh('nft list ruleset; ip netns list; ip -o link show type veth')).toBe('');
    expect((await deps.attachments.load()).attachments).toHaveLength(1);
  });

  test('with a name that does not resolve keeps the last good address', async () => {
    await addBridge(box, 'br0');
    await attach(vm(1, 'br0', 'a'), SERVICES, deps);
    const services = [service(5030, 'onegate.example:5030'), service(22, 'other.example:22'), ONLY_A];
    await attach(vm(1, 'br0', 'a'), services, deps);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
    expect(deps.lines.filter((line) => line.startsWith('ERROR'))).toHaveLength(2);
  });
});

describe('a network without services', () => {
  test('changes nothing but its record', async () => {
    await addBridge(box, 'br0');
    deps.commands.length = 0;
    expect(await attach(vm(1, 'br0', 'b'), [ONLY_A], deps)).toEqual({ is: 'idle' });
    expect(changes(deps.commands)).toEqual([]);
    expect(deps.synced).toEqual([]);
    expect(await box.sh('nft list ruleset; ip netns list; ip -o link show type veth')).toBe('');
  });
});

describe('what is no Linux bridge', () => {
  test.each([
    ['is missing', 'true', 'there is no such bridge'],
    ['is something else', 'ip link add br0 type veth peer name x', 'it is no Linux bridge but veth'],
  ])('a device that %s is passed over', async (_, script, why) => {
    await box.sh(script);
    const before = await traces(box);
    expect(await attach(vm(1, 'br0', 'a'), SERVICES, deps)).toEqual({ is: 'passed-over', why });
    expect(await traces(box)).toBe(before);
  });
});

describe('the last guest', () => {
  const nic = vm(7, 'br0', 'a');
  const leave = () => detach({ ...nic, taps: ['one-7-0'] }, SERVICES, deps);

  test('may leave a bridge that is already deleted', async () => {
    const before = await traces(box);
    await addBridge(box, 'br0');
    await attach(nic, SERVICES, deps);
    await box.sh('ip link delete br0');
    expect(await leave()).toEqual({ is: 'removed', changed: true });
    expect(await traces(box)).toBe(before);
  });

  test('is not one whom a stock driver deployed beside it', async () => {
    await addBridge(box, 'br0');
    await attach(nic, SERVICES, deps);
    await addGuest(box, 'br0', { ip: '192.168.1.9', vmId: 9 });
    const plumbed = await box.sh('nft list ruleset');
    expect(await leave()).toEqual({ is: 'as-it-is', because: 'unknown-guests', ports: ['one-9-0'] });
    expect(await box.sh('nft list ruleset')).toBe(plumbed);
  });

  test('is the last, whatever uplink the bridge has', async () => {
    await addBridge(box, 'br0');
    await box.sh('ip link add uplink type veth peer name far; ip link set uplink master br0');
    const before = await traces(box);
    await attach({ ...nic, uplinks: ['uplink'] }, SERVICES, deps);
    expect(await detach({ ...nic, uplinks: ['uplink'], taps: ['one-7-0'] }, SERVICES, deps)).toMatchObject({
      is: 'removed',
    });
    expect(await traces(box)).toBe(before);
  });

  test('is the last after the record of a VM that never came has aged', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    await attach(vm(8, 'br0', 'b'), SERVICES, deps);
    await attach(nic, SERVICES, deps);
    await leave();
    expect(await mapOf(box, 'br0')).toEqual({ 443: '10.0.0.2:8443', 5030: '10.11.12.13:5030' });
    deps.laterS = 3600;
    await attach(nic, SERVICES, deps);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
    await leave();
    expect(await traces(box)).toBe(before);
  });
});

test('a NIC whose network was moved to another bridge leaves the old one', async () => {
  await addBridge(box, 'br0');
  await addBridge(box, 'br1');
  const before = await traces(box);
  await attach(vm(7, 'br0', 'a'), SERVICES, deps);
  await attach(vm(7, 'br1', 'a'), SERVICES, deps);
  expect(await box.sh('ip netns list')).toMatch(/^one_tproxy_br1\b.*\n$/);
  await detach({ ...vm(7, 'br0', 'a'), taps: ['one-7-0'] }, SERVICES, deps);
  expect(await traces(box)).toBe(before);
});

describe('by hand', () => {
  test('an attachment stays until it is taken back by hand', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    const hand = {
      owner: { is: 'hand' },
      bridge: 'br0',
      network: { name: 'a', id: '0' },
      uplinks: [],
    } as const;
    await attach(hand, SERVICES, deps);
    await attach(vm(7, 'br0', 'b'), SERVICES, deps);
    await detach({ ...vm(7, 'br0', 'b'), taps: ['one-7-0'] }, SERVICES, deps);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
    await detach({ ...hand, network: { id: '0' }, taps: [] }, SERVICES, deps);
    expect(await traces(box)).toBe(before);
  });
});

test('twenty VMs on two bridges, all at once, up and then down', async () => {
  await addBridge(box, 'br0');
  await addBridge(box, 'br1');
  const before = await traces(box);
  const nics = Array.from({ length: 20 }, (_, index) =>
    vm(index, `br${index % 2}`, index % 4 < 2 ? 'a' : 'b'),
  );
  await Promise.all(nics.map((nic) => attach(nic, SERVICES, deps)));
  for (const bridge of ['br0', 'br1']) {
    expect(Object.keys(await mapOf(box, bridge))).toEqual(['80', '443', '5030']);
  }
  await Promise.all(nics.map((nic) => detach({ ...nic, taps: [nic.owner.tap] }, SERVICES, deps)));
  expect(await traces(box)).toBe(before);
});

describe('on a host with many bridges', () => {
  const many = Array.from({ length: 200 }, (_, index) => `one_tproxy_br${index}`);

  test('up reads the objects of its own bridge, and the whole tables only to change something', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    const crowded = { ...deps, host: { ...deps.host, netnsNames: async () => many } };
    const up = () => attach(vm(7, 'br0', 'a'), SERVICES, crowded);
    const readsTables = () => deps.commands.some((line) => line.startsWith('nft -j list table'));

    expect(await up()).toMatchObject({ is: 'ready', changed: true });
    const plumbed = await traces(box);
    deps.commands.length = 0;
    expect(await up()).toMatchObject({ is: 'ready', changed: false });
    expect(readsTables()).toBe(false);

    await box.sh('nft flush chain bridge one_tproxy ch_br0; nft flush chain bridge one_tproxy nearest');
    expect(await up()).toMatchObject({ is: 'ready', changed: true });
    expect(readsTables()).toBe(true);
    expect(await traces(box)).toBe(plumbed);

    await detach({ ...vm(7, 'br0', 'a'), taps: ['one-7-0'] }, SERVICES, crowded);
    expect(await traces(box)).toBe(before);
  });
});
