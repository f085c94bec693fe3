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
const ADDRESS_HEX = `0x${SERVICE_ADDRESS.split('.')
  .map((byte) => Number(byte).toString(16).padStart(2, '0'))
  .join('')}`;

/**
 * Frames that say they are from the service address. `meta protocol arp`, because `arp` alone looks at the Ethernet type and
 * would pass what is tagged with VLAN 0. That tag stands for no VLAN, so a guest takes off as many of them as there are, while
 * nft sees through one: two in a row are nothing that anybody honest sends. SNAP is another way to write an Ethernet type.
 *
 * Written in the way that every nft can read back (docs/decisions/0024): 0.9.8 has no word for 802.1ad; it and 1.0.2 abort
 * on a piece of more than 32 bits, 0.9.8 also on any piece of a header that comes after a test for its protocol.
 */
const CLAIMS = {
  'IPv4 from the service address': `ip saddr ${SERVICE_ADDRESS}`,
  'ARP from the service address': `${ARP} saddr ip ${SERVICE_ADDRESS}`,
  'two tags of VLAN 0': 'meta protocol { 0x8100, 0x88a8 } @ll,116,12 0 @nh,4,12 0',
  'IPv4 in SNAP': `${snap('0x00000800')} @nh,160,32 ${ADDRESS_HEX} meta protocol 4`,
  'ARP in SNAP': `${snap('0x00000806')} @nh,176,32 ${ADDRESS_HEX} meta protocol 4`,
};

function snap(protocol: string): string {
  return `@nh,0,32 0xaaaa0300 @nh,32,32 ${protocol}`;
}

/** Rules that guard the address each for itself, by what they are about: what nft at hand can't carry is left out. */
export type GuardPiece = keyof typeof CLAIMS | 'IPv4 of new senders' | 'ARP of new senders';

/** Rules of the guard, for all bridges at once: the set of names says which. */
export function guardPieces(form: ArpForm): Readonly<Record<GuardPiece, readonly string[]>> {
  const here = fromOthers(form);
  const claims = Object.entries(CLAIMS).map(([piece, frame]) => [
    piece,
    [marked('', `${frame} ${here} drop`)],
  ]);
  return {
    ...(Object.fromEntries(claims) as Record<keyof typeof CLAIMS, string[]>),
    'IPv4 of new senders': newSenders('ip').map((rule) => marked('', rule)),
    'ARP of new senders': newSenders(ARP).map((rule) => marked('', rule)),
  };
}

export function guardRules(form: ArpForm, lacks: ReadonlySet<string>): readonly string[] {
  return Object.entries(guardPieces(form)).flatMap(([piece, rules]) => (lacks.has(piece) ? [] : rules));
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
