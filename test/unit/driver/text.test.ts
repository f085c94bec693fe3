import { describe, expect, test } from 'vitest';
import type { Desired } from '../../../src/driver/plan/desired.ts';
import { ipLine } from '../../../src/driver/plan/ip-text.ts';
import { nftText } from '../../../src/driver/plan/nft-text.ts';
import { planBridge } from '../../../src/driver/plan/plan.ts';
import { HAND, type Step, type StepOfHand } from '../../../src/driver/plan/steps.ts';
import { BARE, CUSTOM, MAC, ONEGATE, PLUMBED, PORT_MAC, plumbed, policeChain, TAPS } from './facts.ts';

const DESIRED: Desired = {
  endpoints: [ONEGATE],
  mac: MAC,
  portMac: PORT_MAC,
  arpForm: 'port-set',
  taps: TAPS,
  policing: undefined,
  lacks: new Set(),
};

function nftOf(steps: readonly Step[]): string {
  return nftText(steps.filter((step): step is StepOfHand<'nft'> => HAND[step.do] === 'nft'));
}

function ipOf(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => {
    const hand = HAND[step.do];
    return hand === 'ip' || hand === 'ip-in-netns' ? [`${hand}: ${ipLine(step as StepOfHand<'ip'>)}`] : [];
  });
}

describe('nft', () => {
  test('a new bridge, in the form for kernels without meta ibrname', () => {
    expect(nftOf(planBridge(BARE, DESIRED))).toBe(`\
add table bridge one_tproxy
add set bridge one_tproxy veth_ports { type ifname; }
add element bridge one_tproxy veth_ports { "br0b" }
add chain bridge one_tproxy ch_br0 { type filter hook forward priority filter; policy accept; }
add rule bridge one_tproxy ch_br0 meta protocol arp arp operation request arp daddr ip 169.254.16.9 oifname != @veth_ports drop comment "one_tproxy 09bffaf74e63"
add rule bridge one_tproxy ch_br0 ip daddr 169.254.16.9 oifname != @veth_ports drop comment "one_tproxy 7b74e85c96c1"
add set bridge one_tproxy senders { type ifname . ipv4_addr; size 8192; flags dynamic,timeout; timeout 1m; }
add set bridge one_tproxy newcomers { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }
add chain bridge one_tproxy guard { type filter hook prerouting priority dstnat - 10; policy accept; }
add rule bridge one_tproxy guard ip saddr 169.254.16.9 iifname != @veth_ports drop comment "one_tproxy 071159c149f2"
add rule bridge one_tproxy guard meta protocol arp arp saddr ip 169.254.16.9 iifname != @veth_ports drop comment "one_tproxy 8a65d97fe896"
add rule bridge one_tproxy guard meta protocol { 0x8100, 0x88a8 } @ll,116,12 0 @nh,4,12 0 iifname != @veth_ports drop comment "one_tproxy b3c9742329f8"
add rule bridge one_tproxy guard @nh,0,32 0xaaaa0300 @nh,32,32 0x00000800 @nh,160,32 0xa9fe1009 meta protocol 4 iifname != @veth_ports drop comment "one_tproxy dee8f9f2c19b"
add rule bridge one_tproxy guard @nh,0,32 0xaaaa0300 @nh,32,32 0x00000806 @nh,176,32 0xa9fe1009 meta protocol 4 iifname != @veth_ports drop comment "one_tproxy 5e77669447e3"
add rule bridge one_tproxy guard ip daddr 169.254.16.9 iifname . ip saddr != @senders update @newcomers { iifname limit rate over 4/second burst 32 packets } drop comment "one_tproxy 56717f4bf399"
add rule bridge one_tproxy guard ip daddr 169.254.16.9 iifname . ip saddr != @senders add @senders { iifname . ip saddr } comment "one_tproxy 8b9dd5aa9181"
add rule bridge one_tproxy guard meta protocol arp arp daddr ip 169.254.16.9 iifname . arp saddr ip != @senders update @newcomers { iifname limit rate over 4/second burst 32 packets } drop comment "one_tproxy 4c0f1c98cc4f"
add rule bridge one_tproxy guard meta protocol arp arp daddr ip 169.254.16.9 iifname . arp saddr ip != @senders add @senders { iifname . arp saddr ip } comment "one_tproxy 36576fba038f"
add map bridge one_tproxy tap_macs { type ifname : ether_addr; }
add element bridge one_tproxy tap_macs { "one-7-0" : 02:00:00:00:00:01 }
add chain bridge one_tproxy nearest { type filter hook prerouting priority dstnat; policy accept; }
add rule bridge one_tproxy nearest ip daddr 169.254.16.9 ether daddr set iifname map @tap_macs comment "one_tproxy 538e900a9ac2"
add table ip one_tproxy
add map ip one_tproxy ep_br0 { type inet_service : ipv4_addr . inet_service; }
add element ip one_tproxy ep_br0 { 5030 : 10.11.12.13 . 5030 }
`);
  });

  test('a new bridge, in the form of the stock drivers', () => {
    expect(nftOf(planBridge(BARE, { ...DESIRED, arpForm: 'ibrname' }))).toBe(`\
add table bridge one_tproxy
add set bridge one_tproxy veth_ports { type ifname; }
add element bridge one_tproxy veth_ports { "br0b", "br0" }
add chain bridge one_tproxy ch_br0 { type filter hook forward priority filter; policy accept; }
add rule bridge one_tproxy ch_br0 meta protocol arp arp operation request arp daddr ip 169.254.16.9 meta ibrname "br0" oifname != "br0b" drop comment "one_tproxy 6767d84561f3"
add rule bridge one_tproxy ch_br0 ip daddr 169.254.16.9 meta ibrname "br0" oifname != "br0b" drop comment "one_tproxy 7c11cd1c9344"
add set bridge one_tproxy senders { type ifname . ipv4_addr; size 8192; flags dynamic,timeout; timeout 1m; }
add set bridge one_tproxy newcomers { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }
add chain bridge one_tproxy guard { type filter hook prerouting priority dstnat - 10; policy accept; }
add rule bridge one_tproxy guard ip saddr 169.254.16.9 meta ibrname @veth_ports iifname != @veth_ports drop comment "one_tproxy c67ff8dac048"
add rule bridge one_tproxy guard meta protocol arp arp saddr ip 169.254.16.9 meta ibrname @veth_ports iifname != @veth_ports drop comment "one_tproxy 7772e5eee316"
add rule bridge one_tproxy guard meta protocol { 0x8100, 0x88a8 } @ll,116,12 0 @nh,4,12 0 meta ibrname @veth_ports iifname != @veth_ports drop comment "one_tproxy 2cd63b61db15"
add rule bridge one_tproxy guard @nh,0,32 0xaaaa0300 @nh,32,32 0x00000800 @nh,160,32 0xa9fe1009 meta protocol 4 meta ibrname @veth_ports iifname != @veth_ports drop comment "one_tproxy 8bb563c4e7a8"
add rule bridge one_tproxy guard @nh,0,32 0xaaaa0300 @nh,32,32 0x00000806 @nh,176,32 0xa9fe1009 meta protocol 4 meta ibrname @veth_ports iifname != @veth_ports drop comment "one_tproxy 251da5909212"
add rule bridge one_tproxy guard ip daddr 169.254.16.9 iifname . ip saddr != @senders update @newcomers { iifname limit rate over 4/second burst 32 packets } drop comment "one_tproxy 56717f4bf399"
add rule bridge one_tproxy guard ip daddr 169.254.16.9 iifname . ip saddr != @senders add @senders { iifname . ip saddr } comment "one_tproxy 8b9dd5aa9181"
add rule bridge one_tproxy guard meta protocol arp arp daddr ip 169.254.16.9 iifname . arp saddr ip != @senders update @newcomers { iifname limit rate over 4/second burst 32 packets } drop comment "one_tproxy 4c0f1c98cc4f"
add rule bridge one_tproxy guard meta protocol arp arp daddr ip 169.254.16.9 iifname . arp saddr ip != @senders add @senders { iifname . arp saddr ip } comment "one_tproxy 36576fba038f"
add map bridge one_tproxy tap_macs { type ifname : ether_addr; }
add element bridge one_tproxy tap_macs { "one-7-0" : 02:00:00:00:00:01 }
add chain bridge one_tproxy nearest { type filter hook prerouting priority dstnat; policy accept; }
add rule bridge one_tproxy nearest ip daddr 169.254.16.9 ether daddr set iifname map @tap_macs comment "one_tproxy 538e900a9ac2"
add table ip one_tproxy
add map ip one_tproxy ep_br0 { type inet_service : ipv4_addr . inet_service; }
add element ip one_tproxy ep_br0 { 5030 : 10.11.12.13 . 5030 }
`);
  });

  test('changed endpoints: an upstream, an option, one more', () => {
    const endpoints = [{ ...ONEGATE, comment: 'proxy=v2' }, CUSTOM];
    expect(nftOf(planBridge(PLUMBED, { ...DESIRED, endpoints }))).toBe(`\
delete element ip one_tproxy ep_br0 { 5030 }
add element ip one_tproxy ep_br0 { 5030 comment "proxy=v2" : 10.11.12.13 . 5030, 1234 : 10.11.12.34 . 1234 }
`);
  });

  test('a repaired ARP chain', () => {
    expect(nftOf(planBridge(plumbed({ nft: { chain: 'wrong-rules' } }), DESIRED))).toBe(`\
flush chain bridge one_tproxy ch_br0
delete chain bridge one_tproxy ch_br0
add chain bridge one_tproxy ch_br0 { type filter hook forward priority filter; policy accept; }
add rule bridge one_tproxy ch_br0 meta protocol arp arp operation request arp daddr ip 169.254.16.9 oifname != @veth_ports drop comment "one_tproxy 09bffaf74e63"
add rule bridge one_tproxy ch_br0 ip daddr 169.254.16.9 oifname != @veth_ports drop comment "one_tproxy 7b74e85c96c1"
`);
  });

  const SETS = `\
add set bridge one_tproxy police_syns { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }
add set bridge one_tproxy police_bytes { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }
`;
  const REMOVED = `\
flush chain bridge one_tproxy police
delete chain bridge one_tproxy police
${SETS}delete set bridge one_tproxy police_syns
delete set bridge one_tproxy police_bytes
`;

  test('ports with limits', () => {
    const policing = { portRate: 300, portBandwidth: 400 };
    expect(nftOf(planBridge(PLUMBED, { ...DESIRED, policing }))).toBe(`\
${SETS}add chain bridge one_tproxy police { type filter hook prerouting priority dstnat - 20; policy accept; }
add rule bridge one_tproxy police ip daddr 169.254.16.9 tcp flags & (syn | ack) == syn iifname != @veth_ports update @police_syns { iifname limit rate over 300/second burst 300 packets } counter drop comment "one_tproxy 88b57fbeda6b"
add rule bridge one_tproxy police ip daddr 169.254.16.9 iifname != @veth_ports update @police_bytes { iifname limit rate over 50000000 bytes/second burst 65536 bytes } counter drop comment "one_tproxy 16389b72c33b"
`);
  });

  test('ports with another limit, in the form of the stock drivers', () => {
    const police = policeChain({ portRate: 300, portBandwidth: 400 }, 'ibrname');
    const desired = { ...DESIRED, arpForm: 'ibrname', policing: { portRate: 0, portBandwidth: 1 } } as const;
    expect(nftOf(planBridge(plumbed({ nft: { police, form: 'ibrname' } }), desired))).toBe(`\
${REMOVED}${SETS}add chain bridge one_tproxy police { type filter hook prerouting priority dstnat - 20; policy accept; }
add rule bridge one_tproxy police ip daddr 169.254.16.9 meta ibrname @veth_ports iifname != @veth_ports update @police_bytes { iifname limit rate over 125000 bytes/second burst 65536 bytes } counter drop comment "one_tproxy 53e7e63de0eb"
`);
  });

  test('ports without a limit any more', () => {
    const police = policeChain({ portRate: 1, portBandwidth: 0 });
    const policing = { portRate: 0, portBandwidth: 0 };
    expect(nftOf(planBridge(plumbed({ nft: { police } }), { ...DESIRED, policing }))).toBe(REMOVED);
  });

  test('the last bridge goes', () => {
    expect(nftOf(planBridge(PLUMBED, { ...DESIRED, endpoints: [] }))).toBe(`\
delete map ip one_tproxy ep_br0
delete table ip one_tproxy
flush chain bridge one_tproxy ch_br0
delete chain bridge one_tproxy ch_br0
flush chain bridge one_tproxy guard
delete chain bridge one_tproxy guard
add set bridge one_tproxy senders { type ifname . ipv4_addr; size 8192; flags dynamic,timeout; timeout 1m; }
add set bridge one_tproxy newcomers { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }
delete set bridge one_tproxy senders
delete set bridge one_tproxy newcomers
delete element bridge one_tproxy veth_ports { "br0b" }
delete set bridge one_tproxy veth_ports
flush chain bridge one_tproxy nearest
delete chain bridge one_tproxy nearest
delete element bridge one_tproxy tap_macs { "one-7-0" }
delete map bridge one_tproxy tap_macs
delete table bridge one_tproxy
`);
  });

  test.each(['say "hi"', 'two\nlines', '', 'ü', 'x'.repeat(128)])('refuses the option text %j', (comment) => {
    const endpoints = [ONEGATE, { ...CUSTOM, comment }];
    expect(() => nftOf(planBridge(PLUMBED, { ...DESIRED, endpoints }))).toThrow(/can't be stored in nft/);
  });
});

describe('ip', () => {
  test('a new bridge', () => {
    expect(ipOf(planBridge(BARE, DESIRED))).toEqual([
      'ip: netns add one_tproxy_br0',
      'ip: link add name br0b mtu 1500 address fe:ff:10:09:00:01 type veth peer name br0a mtu 1500 address 02:00:00:00:00:01 netns one_tproxy_br0',
      'ip: link set dev br0b master br0',
      'ip: link set dev br0b up',
      'ip-in-netns: link set dev lo up',
      'ip-in-netns: link set dev br0a up',
      'ip-in-netns: address replace 169.254.16.9/32 dev br0a',
      'ip-in-netns: route replace default dev br0a scope link',
    ]);
  });

  test('a bridge whose name leaves no room for a suffix', () => {
    const facts = { ...BARE, bridge: 'onebr-fifteen-b' };
    expect(ipOf(planBridge(facts, DESIRED)).slice(0, 3)).toEqual([
      'ip: netns add one_tproxy_onebr-fifteen-b',
      expect.stringMatching(
        /^ip: link add name otp[0-9a-f]{10}b mtu 1500 address fe:ff:10:09:00:01 type veth peer name otp[0-9a-f]{10}a mtu 1500 address 02:00:00:00:00:01 netns one_tproxy_onebr-fifteen-b$/,
      ),
      expect.stringMatching(/^ip: link set dev otp[0-9a-f]{10}b master onebr-fifteen-b$/),
    ]);
  });

  test('a changed MTU and a stray device', () => {
    const facts = plumbed({ ports: [{ name: 'one-7-0', kind: 'tun', mtu: 1400 }], device: { index: 3 } });
    expect(ipOf(planBridge(facts, DESIRED)).slice(0, 2)).toEqual([
      'ip: link delete dev br0b',
      'ip-in-netns: link delete dev br0a',
    ]);
    expect(
      ipOf(planBridge(plumbed({ ports: [{ name: 'one-7-0', kind: 'tun', mtu: 1400 }] }), DESIRED)),
    ).toEqual(['ip: link set dev br0b mtu 1400', 'ip-in-netns: link set dev br0a mtu 1400']);
  });

  test('the last bridge goes', () => {
    expect(ipOf(planBridge(PLUMBED, { ...DESIRED, endpoints: [] }))).toEqual([
      'ip: link delete dev br0b',
      'ip: netns delete one_tproxy_br0',
    ]);
  });
});
