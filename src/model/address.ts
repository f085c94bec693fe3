import { isIPv4 } from 'node:net';
import { formatIpv4, type Ipv4, parseIpv4 } from './ipv4.ts';
import { formatIpv6, type Ipv6, parseIpv6 } from './ipv6.ts';

/** An IP address of either family. */
export type Address =
  | { readonly family: 4; readonly ip: Ipv4 }
  | { readonly family: 6; readonly bytes: Ipv6 };

/** All addresses whose first `length` bits are those of `base`. */
export interface Range {
  readonly base: Address;
  readonly length: number;
}

/** Four decimal numbers or IPv6; undefined for every other spelling (`0x7f.1`, `127.1`, `010.0.0.1`, zones, brackets). */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, ip: parseIpv4(text) };
  const bytes = parseIpv6(text);
  return bytes === undefined ? undefined : { family: 6, bytes };
}

export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(address.ip) : formatIpv6(address.bytes);
}

/** `10.0.0.0/8`, or one address. Undefined when it is neither, also for bits that are set after the prefix (`10.0.0.1/8`). */
export function parseRange(text: string): Range | undefined {
  const [written = '', prefix, ...more] = text.split('/');
  const base = parseAddress(written);
  if (base === undefined || more.length > 0) return undefined;
  const bits = bitsOf(base);
  if (prefix !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefix)) return undefined;
  const length = prefix === undefined ? bits : Number(prefix);
  if (length > bits) return undefined;
  return prefixOf(base, length) === prefixOf(base, bits) ? { base, length } : undefined;
}

export function formatRange({ base, length }: Range): string {
  return `${formatAddress(base)}/${length}`;
}

export function inRange(address: Address, { base, length }: Range): boolean {
  if (address.family === 4)
    return base.family === 4 && maskIpv4(address.ip, length) === maskIpv4(base.ip, length);
  return base.family === 6 && samePrefix(address.bytes, base.bytes, length);
}

/** The first `length` bits of an address as a key: equal for two addresses just when one range of that length has both. */
export function prefixOf(address: Address, length: number): string {
  if (address.family === 4) return `4${maskIpv4(address.ip, length).toString(16)}`;
  const masked = address.bytes.map((byte, at) => byte & byteMask(length - 8 * at));
  return `6${Buffer.from(masked).toString('hex')}`;
}

export function bitsOf(address: Address): 32 | 128 {
  return address.family === 4 ? 32 : 128;
}

function maskIpv4(ip: Ipv4, length: number): number {
  // A shift by 32 is a shift by 0.
  return length === 0 ? 0 : (ip & (-1 << (32 - length))) >>> 0;
}

/** Mask of a byte of which `bits` bits count; any number is taken. */
function byteMask(bits: number): number {
  return bits >= 8 ? 255 : bits <= 0 ? 0 : (255 << (8 - bits)) & 255;
}

function samePrefix(one: Ipv6, other: Ipv6, length: number): boolean {
  for (let at = 0; 8 * at < length; at += 1) {
    if ((((one[at] ?? 0) ^ (other[at] ?? 0)) & byteMask(length - 8 * at)) !== 0) return false;
  }
  return true;
}
