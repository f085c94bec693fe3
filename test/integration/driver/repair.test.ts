import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { detach } from '../../../src/driver/down.ts';
import { attach } from '../../../src/driver/up.ts';
import { addBridge, addGuest, type Guest } from '../../support/network.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type BoxDeps, boxDeps, changes, service, traces, vm } from './box-deps.ts';

const SERVICES = [service(5030, '10.11.12.13:5030'), service(80, '10.0.0.1:8080')];
const NIC = vm(7, 'br0', 'a');
const INSIDE = 'ip -n one_tproxy_br0';
const IN_NETNS = 'nsenter --net=/run/netns/one_tproxy_br0';
/** What the damage brought with it that is none of ours. */
const TIDY = 'ip link delete br9 2>/dev/null || true; ip netns delete other 2>/dev/null || true';

let box: Sandbox;
let deps: BoxDeps;
let guest: Guest;

beforeEach(async () => {
  box = await Sandbox.create();
  deps = boxDeps(box);
  deps.policing = { portRate: 300, portBandwidth: 400 };
  await addBridge(box, 'br0');
  guest = await addGuest(box, 'br0', { ip: '192.168.1.7', vmId: 7 });
});

afterEach(() => box.close());

/** All that `up` is to bring about, in the root namespace and inside the netns. */
async function state(): Promise<string> {
  const inside = await box.netns('one_tproxy_br0').sh(`
    ip -o link show | sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/ (qlen|link-netnsid).*//'
    ip -o address show | sed -E 's/^[0-9]+: //'
    ip route show
    nft list ruleset
    cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/br0a/arp_ignore /proc/sys/net/ipv6/conf/br0a/disable_ipv6
  `);
  const pinned = await box.sh('bridge fdb show brport br0b | grep sticky || true');
  return `${pinned}${(await traces(box)).replaceAll(/@if\d+| \(id: \d+\)/g, '')}\n${inside}`;
}

/** An answer of the address itself: nobody listens here, so it refuses. */
async function reached(): Promise<boolean> {
  const connect = 'exec 3<>/dev/tcp/169.254.16.9/5030';
  const { stderr } = await guest.run(['timeout', '5', 'bash', '--norc', '-c', connect]);
  return stderr.includes('Connection refused');
}

const DAMAGE: readonly (readonly [string, string])[] = [
  ['the port is in no bridge', 'ip link set br0b nomaster'],
  ['the port is in another bridge', 'ip link add br9 type bridge; ip link set br0b master br9'],
  ['the port is down', 'ip link set br0b down'],
  ['the port has another MTU', 'ip link set br0b mtu 1300'],
  ['the device in the netns is down', `${INSIDE} link set br0a down`],
  ['the device in the netns has another MTU', `${INSIDE} link set br0a mtu 1300`],
  ['lo in the netns is down', `${INSIDE} link set lo down`],
  ['the address is missing', `${INSIDE} address flush dev br0a`],
  ['the route is missing', `${INSIDE} route delete default`],
  ['the route is another one', `${INSIDE} route replace default via 192.168.1.7 dev br0a onlink`],
  [
    'forwarding is on',
    'nsenter --net=/run/netns/one_tproxy_br0 sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward"',
  ],
  [
    'ARP is answered for anybody',
    'nsenter --net=/run/netns/one_tproxy_br0 sh -c "echo 0 >/proc/sys/net/ipv4/conf/br0a/arp_ignore"',
  ],
  [
    'IPv6 is on',
    'nsenter --net=/run/netns/one_tproxy_br0 sh -c "echo 0 >/proc/sys/net/ipv6/conf/br0a/disable_ipv6"',
  ],
  ['the pair is deleted', 'ip link delete br0b'],
  ['the device in the netns is moved to the root namespace', `${INSIDE} link set br0a netns 1`],
  [
    'the device in the netns is moved to another one',
    `ip netns add other; ${INSIDE} link set br0a netns other`,
  ],
  [
    'the device in the netns is another pair of the same name',
    `${INSIDE} link delete br0a; ip link add br0a type veth peer name strange; ip link set br0a netns one_tproxy_br0`,
  ],
  ['the netns is deleted', 'ip netns delete one_tproxy_br0'],
  [
    'the netns is deleted and made again, empty',
    'ip netns delete one_tproxy_br0; ip netns add one_tproxy_br0',
  ],
  [
    'a netns file has no namespace behind it',
    'ip netns delete one_tproxy_br0; touch /run/netns/one_tproxy_br0',
  ],
  ['a netns file lost its namespace, which lives on', 'umount /run/netns/one_tproxy_br0'],
  [
    'the bridge is deleted and made again',
    'ip link delete br0; ip link add br0 type bridge forward_delay 0; ip link set br0 up; ip link set one-7-0 master br0',
  ],
  ['all of nft is flushed', 'nft flush ruleset'],
  ['the endpoint map is emptied', 'nft flush map ip one_tproxy ep_br0'],
  [
    'an endpoint is different',
    'nft "delete element ip one_tproxy ep_br0 { 80 }; add element ip one_tproxy ep_br0 { 80 : 10.9.9.9 . 99 }"',
  ],
  ['a strange endpoint is in the map', 'nft add element ip one_tproxy ep_br0 { 9 : 10.9.9.9 . 99 }'],
  ['the ARP chain is empty', 'nft flush chain bridge one_tproxy ch_br0'],
  [
    'the ARP chain is deleted',
    'nft "flush chain bridge one_tproxy ch_br0; delete chain bridge one_tproxy ch_br0"',
  ],
  [
    'the ARP chain hangs on no hook',
    'nft "flush chain bridge one_tproxy ch_br0; delete chain bridge one_tproxy ch_br0; add chain bridge one_tproxy ch_br0"',
  ],
  ['the ARP chain has a rule more', 'nft add rule bridge one_tproxy ch_br0 accept'],
  ['the set of ports is emptied', 'nft flush set bridge one_tproxy veth_ports'],
  ['the guard is empty', 'nft flush chain bridge one_tproxy guard'],
  ['the guard is deleted', 'nft "flush chain bridge one_tproxy guard; delete chain bridge one_tproxy guard"'],
  ['the guard lets somebody pass', 'nft insert rule bridge one_tproxy guard accept'],
  [
    'the bridge may learn our MAC elsewhere',
    'bridge fdb delete "$(bridge fdb show brport br0b | grep sticky | cut -d" " -f1)" dev br0b master',
  ],
  ['the netns has no ruleset', `${IN_NETNS} nft flush ruleset`],
  ['the netns has a rule more', `${IN_NETNS} nft insert rule inet one_tproxy input accept`],
  [
    'the netns lets pass what nobody forbids',
    `${IN_NETNS} nft 'chain inet one_tproxy input { policy accept; }'`,
  ],
  ['ports have no limit', 'nft flush chain bridge one_tproxy police'],
  [
    'the chain that limits ports is deleted',
    'nft "flush chain bridge one_tproxy police; delete chain bridge one_tproxy police"',
  ],
  ['a port is excepted from its limit', `nft insert rule bridge one_tproxy police iifname one-7-0 accept`],
  ['the chain to the nearest proxy is empty', 'nft flush chain bridge one_tproxy nearest'],
  ['the map of taps is empty', 'nft flush map bridge one_tproxy tap_macs'],
  [
    'a tap leads to another veth',
    'nft "delete element bridge one_tproxy tap_macs { "one-7-0" }; add element bridge one_tproxy tap_macs { "one-7-0" : 02:00:00:00:00:99 }"',
  ],
  ['the whole table of ARP chains is gone', 'nft delete table bridge one_tproxy'],
];

describe('up repairs, and down leaves nothing after', () => {
  test.each(DAMAGE)('%s', async (_, damage) => {
    const before = await bareState();
    await attach(NIC, SERVICES, deps);
    const whole = await state();
    expect(await reached()).toBe(true);

    await box.sh(damage);
    expect(await state().catch(() => 'the netns is not there')).not.toBe(whole);
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ is: 'ready', changed: true });
    await box.sh(TIDY);
    expect(await state()).toBe(whole);
    expect(await reached()).toBe(true);
    deps.commands.length = 0;
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ changed: false });
    expect(changes(deps.commands)).toEqual([]);

    await box.sh(damage);
    await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps);
    await box.sh(TIDY);
    expect(await bareState()).toBe(before);
  });
});

/** What of ours there may be, wherever the damage has put the bridge and its guest. */
async function bareState(): Promise<string> {
  return box.sh('nft list ruleset; ip netns list; ls /run/netns; ip -o link show dev br0b 2>&1 || true');
}

describe('plumbing of a stock driver', () => {
  const STOCK = `
    ip link add br0b type veth peer name br0a
    ip link set dev br0b master br0 up
    ip netns add one_tproxy_br0
    ip link set br0a netns one_tproxy_br0
    ${INSIDE} address replace 169.254.16.9/32 dev br0a
    ${INSIDE} link set dev br0a up
    ${INSIDE} route replace default dev br0a
    nft 'add table ip one_tproxy; add map ip one_tproxy ep_br0 { type inet_service : ipv4_addr . inet_service; }; add element ip one_tproxy ep_br0 { 5030 : 10.11.12.13 . 5030 }; add element ip one_tproxy ep_br0 { 22 : 10.9.9.9 . 22 }'
  `;

  test('is completed, and neither made again nor robbed of endpoints that its VMs use', async () => {
    await box.sh(STOCK);
    await addGuest(box, 'br0', { ip: '192.168.1.9', vmId: 9 });
    const index = () => box.sh('ip -o link show br0b | cut -d: -f1');
    const first = await index();
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ is: 'ready', changed: true });
    expect(await index()).toBe(first);
    expect(await box.sh('nft list map ip one_tproxy ep_br0')).toContain('22 : 10.9.9.9 . 22');
    expect(await box.netns('one_tproxy_br0').sh('cat /proc/sys/net/ipv4/conf/br0a/arp_ignore')).toBe('1\n');
    expect(await reached()).toBe(true);
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ changed: false });
  });

  test('goes with its last guest', async () => {
    const before = await traces(box);
    await box.sh(STOCK);
    await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps);
    expect(await traces(box)).toBe(before);
  });
});
