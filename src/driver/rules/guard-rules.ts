import { bridgePort, SERVICE_ADDRESS } from '../../model/names.ts';
import { type ArpForm, PORT_SET } from './arp-rules.ts';
import { marked } from './fingerprint.ts';

/**
 * Chain that keeps the service address ours on every bridge (docs/decisions/0020). On the prerouting hook: it knows the port
 * that a frame came in by, which no guest can forge, and what is dropped there teaches the bridge nothing.
 */
export const GUARD_CHAIN = 'guard';
export const GUARD_HOOK = {
  text: 'type filter hook prerouting priority dstnat - 10; policy accept;',
  read: 'filter prerouting -310 accept',
} as const;

/** Who has spoken to the service address: port of the bridge and sender. */
const SENDERS = 'senders';
/** Ports by which a sender came that had not spoken before, each with the rate of such senders. */
const NEWCOMERS = 'newcomers';

/** Sets that the guard fills itself: name → definition. Full sets let everybody pass; a port's own rate goes on counting. */
export const GUARD_SETS: Readonly<Record<string, string>> = {
  [SENDERS]: 'type ifname . ipv4_addr; size 8192; flags dynamic,timeout; timeout 1m;',
  [NEWCOMERS]: 'type ifname; size 4096; flags dynamic,timeout; timeout 1m;',
};

/**
 * Each sender becomes an entry of the neighbour table, which has 1024 places for the whole host, all its namespaces
 * included. One that was just made can't be reclaimed for some seconds.
 */
const NEW_SENDERS = 'limit rate over 4/second burst 32 packets';

const ARP = 'meta protocol arp arp';
const LLC = 'meta protocol 4';
const ADDRESS_HEX = `0x${SERVICE_ADDRESS.split('.')
  .map((byte) => Number(byte).toString(16).padStart(2, '0'))
  .join('')}`;

/**
 * Frames that say they are from the service address. `meta protocol arp`, because `arp` alone looks at the Ethernet type and
 * would pass what is tagged with VLAN 0. That tag stands for no VLAN, so a guest takes off as many of them as there are, while
 * nft sees through one: two in a row are nothing that anybody honest sends. SNAP is another way to write an Ethernet type.
 */
const CLAIMS = [
  `ip saddr ${SERVICE_ADDRESS}`,
  `${ARP} saddr ip ${SERVICE_ADDRESS}`,
  'meta protocol { 8021q, 8021ad } @ll,116,12 0 @nh,4,12 0',
  `${LLC} @nh,0,64 0xaaaa030000000800 @nh,160,32 ${ADDRESS_HEX}`,
  `${LLC} @nh,0,64 0xaaaa030000000806 @nh,176,32 ${ADDRESS_HEX}`,
];

/** Rules of the guard, for all bridges at once: the set of names says which. */
export function guardRules(form: ArpForm): readonly string[] {
  const here = fromOthers(form);
  return [...CLAIMS.map((frame) => `${frame} ${here} drop`), ...newSenders('ip'), ...newSenders(ARP)].map(
    (rule) => marked('', rule),
  );
}

/** Matches what comes by other ports than our own. */
export function fromOthers(form: ArpForm): string {
  const notOurs = `iifname != @${PORT_SET}`;
  return form === 'ibrname' ? `meta ibrname @${PORT_SET} ${notOurs}` : notOurs;
}

function newSenders(protocol: 'ip' | typeof ARP): string[] {
  const [to, sender] =
    protocol === 'ip'
      ? [`ip daddr ${SERVICE_ADDRESS}`, 'iifname . ip saddr']
      : [`${ARP} daddr ip ${SERVICE_ADDRESS}`, 'iifname . arp saddr ip'];
  return [
    `${to} ${sender} != @${SENDERS} update @${NEWCOMERS} { iifname ${NEW_SENDERS} } drop`,
    `${to} ${sender} != @${SENDERS} add @${SENDERS} { ${sender} }`,
  ];
}

/**
 * What a bridge has in the set of names: its veth port, and where frames can be told by their bridge the bridge, so that
 * bridges without our plumbing are left alone. No device has both roles.
 */
export function listedNames(bridge: string, form: ArpForm): readonly string[] {
  return form === 'ibrname' ? [bridgePort(bridge), bridge] : [bridgePort(bridge)];
}
