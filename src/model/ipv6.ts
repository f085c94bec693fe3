import { isIPv6 } from 'node:net';
import { parseIpv4 } from './ipv4.ts';

/** An IPv6 address as its 16 bytes. */
export type Ipv6 = Uint8Array;

const GROUPS = 8;

/** Bytes of an address as people write it; undefined when it is none. Zones (`%eth0`) and brackets are not part of an address. */
export function parseIpv6(text: string): Ipv6 | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = withoutDots(text).split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros = tail === undefined ? 0 : GROUPS - before.length - after.length;
  const bytes = new Uint8Array(2 * GROUPS);
  [...before, ...new Array<number>(zeros).fill(0), ...after].forEach((group, at) => {
    bytes[2 * at] = group >> 8;
    bytes[2 * at + 1] = group & 255;
  });
  return bytes;
}

/** RFC 5952: lower case, no leading zeros, the first of the longest runs of zeros as `::`. Hexadecimal throughout. */
export function formatIpv6(bytes: Ipv6): string {
  const groups = Array.from({ length: GROUPS }, (_, at) => groupAt(bytes, at));
  const [start, length] = longestZeros(groups);
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return length < 2 ? text(0, GROUPS) : `${text(0, start)}::${text(start + length, GROUPS)}`;
}

/** 16 bits of an address; `at` from 0 to 7. */
export function groupAt(bytes: Ipv6, at: number): number {
  return ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0);
}

/** Last part in IPv4's way of writing (`::ffff:10.0.0.1`) as two groups. */
function withoutDots(text: string): string {
  const colon = text.lastIndexOf(':');
  const last = text.slice(colon + 1);
  if (!last.includes('.')) return text;
  const ip = parseIpv4(last);
  return `${text.slice(0, colon + 1)}${(ip >>> 16).toString(16)}:${(ip & 0xffff).toString(16)}`;
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === 0) end += 1;
    if (end - start > best[1]) best = [start, end - start];
    start = Math.max(start, end);
  }
  return best;
}
