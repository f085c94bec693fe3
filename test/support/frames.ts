import type { Place } from './place.ts';
import { program } from './site.ts';

/** Ethernet frames in hex, as a guest could make them. MACs as `02:00:00:00:00:01`, addresses as `192.168.1.1`. */

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** Ethernet type. */
const TYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  serviceVlan: 0x88a8,
  ipv6: 0x86dd,
  lldp: 0x88cc,
} as const;
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, sctp: 132 } as const;
/** Without its checksum: bytes on the wire. */
const LEAST_FRAME_BYTES = 60;

type Payload = { readonly type: number; readonly body: string };

export interface Addressed {
  readonly from: string;
  readonly to?: string;
}

export function frame(
  { from, to = BROADCAST }: Addressed,
  { type, body }: Payload,
  tags: readonly Tag[] = [],
): string {
  const stack = tags.map((tag) => word(TYPE[tag]) + word(0)).join('');
  return padded(mac(to) + mac(from) + stack + word(type) + body);
}

/** A tag with VLAN 0, which stands for no VLAN: 802.1Q or 802.1ad. */
export type Tag = 'vlan' | 'serviceVlan';

/** The same behind an 802.2 SNAP header, with a length in the place of the Ethernet type. */
export function snapFrame({ from, to = BROADCAST }: Addressed, { type, body }: Payload): string {
  const content = `aaaa03000000${word(type)}${body}`;
  return padded(mac(to) + mac(from) + word(content.length / 2) + content);
}

/** To the address that switches and bridges keep for themselves. */
export function lldpFrame(from: string): string {
  return frame({ from, to: '01:80:c2:00:00:0e' }, { type: TYPE.lldp, body: '' });
}

export interface Arp {
  readonly operation: 'request' | 'reply';
  readonly sender: { readonly mac: string; readonly ip: string };
  readonly target: { readonly mac?: string; readonly ip: string };
}

export function arp({ operation, sender, target }: Arp): Payload {
  const head = `0001${word(TYPE.ipv4)}0604${word(operation === 'request' ? 1 : 2)}`;
  const body =
    mac(sender.mac) + address(sender.ip) + mac(target.mac ?? '00:00:00:00:00:00') + address(target.ip);
  return { type: TYPE.arp, body: head + body };
}

export interface Packet {
  readonly from: string;
  readonly to: string;
  /** IPv4 options in hex, whole words. */
  readonly options?: string;
  /** The first piece of the packet with this number, whose other pieces never come. */
  readonly pieceOf?: number;
}

export function syn(packet: Packet, port: number, sourcePort = 40_000): Payload {
  const header = `${word(sourcePort)}${word(port)}0000000100000000${'5002'}${word(0xfaf0)}00000000`;
  const pseudo = address(packet.from) + address(packet.to) + word(PROTOCOL.tcp) + word(header.length / 2);
  const sum = checksum(pseudo + header);
  return ipv4(packet, PROTOCOL.tcp, `${header.slice(0, 32)}${word(sum)}0000`);
}

export function udp(packet: Packet, port: number): Payload {
  // No checksum: IPv4 allows it.
  return ipv4(packet, PROTOCOL.udp, `${word(40_000)}${word(port)}${word(12)}0000${'61626364'}`);
}

/** The beginning of a protocol that nobody speaks here. */
export function sctp(packet: Packet): Payload {
  return ipv4(packet, PROTOCOL.sctp, '0102030405060708090a0b0c');
}

/** `echo` or `timestamp` request. */
export function icmp(packet: Packet, kind: 'echo' | 'timestamp'): Payload {
  const rest = kind === 'echo' ? '000100016162636465666768' : `00010001${'00000000'.repeat(3)}`;
  const type = kind === 'echo' ? '08' : '0d';
  return ipv4(packet, PROTOCOL.icmp, `${type}00${word(checksum(`${type}000000${rest}`))}${rest}`);
}

function ipv4({ from, to, options = '', pieceOf }: Packet, protocol: number, body: string): Payload {
  const words = 5 + options.length / 8;
  const length = words * 4 + body.length / 2;
  const pieces = pieceOf === undefined ? '00010000' : `${word(pieceOf)}2000`;
  const start = `4${words.toString(16)}00${word(length)}${pieces}${'40'}${byte(protocol)}`;
  const rest = address(from) + address(to) + options;
  return { type: TYPE.ipv4, body: `${start}${word(checksum(`${start}0000${rest}`))}${rest}${body}` };
}

/** An ICMPv6 echo request; addresses as 32 hex digits. */
export function echo6(from: string, to: string): Payload {
  const body = '8000'.concat('0000', '00010001', '6162636465666768');
  const length = body.length / 2;
  const sum = checksum(`${from}${to}${'0000'}${word(length)}${'0000003a'}${body}`);
  const icmp6 = `8000${word(sum)}${body.slice(8)}`;
  return { type: TYPE.ipv6, body: `60000000${word(length)}3aff${from}${to}${icmp6}` };
}

/** The link-local address that a device with this MAC gives itself, as 32 hex digits. */
export function linkLocal(hardware: string): string {
  const hex = mac(hardware);
  const first = byte(Number.parseInt(hex.slice(0, 2), 16) ^ 2);
  return `fe80${'0'.repeat(12)}${first}${hex.slice(2, 6)}fffe${hex.slice(6)}`;
}

/** A loose source route over `gateway`, which asks the receiver to pass a packet on. */
export function sourceRoute(gateway: string): string {
  return `01830704${address(gateway)}`;
}

/** Has a guest send frames, all of them `times` times over, past its own stack. */
export async function send(guest: Place, frames: readonly string[], times = 1): Promise<void> {
  const { status, stderr } = await guest.run(program('frames', 'eth0', times, ...frames));
  if (status !== 0) throw new Error(`frames.mjs: exit ${status}\n${stderr}`);
}

function checksum(hex: string): number {
  let sum = 0;
  for (let at = 0; at < hex.length; at += 4) sum += Number.parseInt(hex.slice(at, at + 4).padEnd(4, '0'), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function padded(hex: string): string {
  return hex.padEnd(LEAST_FRAME_BYTES * 2, '0');
}

function mac(text: string): string {
  return text.replaceAll(':', '');
}

function address(text: string): string {
  return text
    .split('.')
    .map((part) => byte(Number(part)))
    .join('');
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function word(value: number): string {
  return value.toString(16).padStart(4, '0');
}
