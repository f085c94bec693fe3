import type { Ipv4 } from './ipv4.ts';
import { groupAt, type Ipv6 } from './ipv6.ts';

/** How an IPv6 address can have an IPv4 address in it, and where packets for it may come out. */
export type Embedding = 'mapped' | 'compatible' | 'translated' | 'nat64' | '6to4' | 'teredo' | 'isatap';

export interface Embedded {
  readonly by: Embedding;
  /** Every IPv4 address in it. Teredo has two: its server, and the client in disguise. */
  readonly addresses: readonly Ipv4[];
}

/** What an IPv6 address leads to in IPv4, by its spelling; undefined for an address that is only IPv6. */
export function embeddedIpv4(bytes: Ipv6): Embedded | undefined {
  const groups = Array.from({ length: 8 }, (_, at) => groupAt(bytes, at));
  const zero = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  const at = (offset: number) => ipv4At(bytes, offset);
  const found = (by: Embedding, ...addresses: readonly Ipv4[]): Embedded => ({ by, addresses });

  // RFC 4291 2.5.5: ::ffff:a.b.c.d and ::a.b.c.d, the latter without :: and ::1. RFC 2765: ::ffff:0:a.b.c.d.
  if (zero(0, 5) && groups[5] === 0xffff) return found('mapped', at(12));
  if (zero(0, 6)) return at(12) > 1 ? found('compatible', at(12)) : undefined;
  if (zero(0, 4) && groups[4] === 0xffff && groups[5] === 0) return found('translated', at(12));
  // RFC 6052: 64:ff9b::/96. RFC 8215: 64:ff9b:1::/48, where each site chooses the length: all of RFC 6052 that begin there.
  if (groups[0] === 0x64 && groups[1] === 0xff9b) {
    if (zero(2, 6)) return found('nat64', at(12));
    if (groups[2] === 1)
      return found('nat64', at(12), splitIpv4At(bytes, 6, 2), splitIpv4At(bytes, 7, 1), at(9));
  }
  if (groups[0] === 0x2002) return found('6to4', at(2));
  // RFC 4380: the client's address with all bits turned.
  if (groups[0] === 0x2001 && groups[1] === 0) return found('teredo', at(4), ~at(12) >>> 0);
  // RFC 5214: ::0:5efe:a.b.c.d or ::200:5efe:a.b.c.d behind any prefix.
  if ((groups[4] === 0 || groups[4] === 0x200) && groups[5] === 0x5efe) return found('isatap', at(12));
  return undefined;
}

function ipv4At(bytes: Ipv6, offset: number): Ipv4 {
  return bytes.subarray(offset, offset + 4).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** RFC 6052: byte 8 is zero and stands between the first `before` bytes and the rest. */
function splitIpv4At(bytes: Ipv6, offset: number, before: number): Ipv4 {
  const first = bytes.subarray(offset, offset + before);
  const rest = bytes.subarray(9, 9 + 4 - before);
  return [...first, ...rest].reduce((sum, byte) => sum * 256 + byte, 0);
}
