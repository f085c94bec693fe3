import { BlockList } from 'node:net';
import { describe, expect, it, test } from 'vitest';
import {
  type Address,
  formatAddress,
  formatRange,
  inRange,
  parseAddress,
  parseRange,
  prefixOf,
} from '../../../src/model/address.ts';
import { embeddedIpv4 } from '../../../src/model/embedded-ipv4.ts';
import { formatIpv4 } from '../../../src/model/ipv4.ts';
import { parseIpv6 } from '../../../src/model/ipv6.ts';
import { seeded } from '../config/random.ts';

describe('an address', () => {
  it.each(['10.0.0.1', '255.255.255.255', '0.0.0.0', '::', '2001:db8::1'])('%s comes back', (text) => {
    const address = parseAddress(text);
    expect(address && formatAddress(address)).toBe(text);
  });

  it.each([
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '0177.0.0.1',
    '1.2.3.4.',
    '[::1]',
    '1.2.3.4/32',
    'localhost',
  ])('is not %s', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('a range', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.1', '10.0.0.1/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['::1', '::1/128'],
    ['64:ff9b:1::/48', '64:ff9b:1::/48'],
  ])('%s is %s', (text, written) => {
    const range = parseRange(text);
    expect(range && formatRange(range)).toBe(written);
  });

  it.each([
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::1/64',
    '::/129',
    '/8',
    'a/8',
  ])('is not %s', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  test('has what node:net says it has', { timeout: 60_000 }, () => {
    const random = seeded(7);
    for (let i = 0; i < 3000; i += 1) {
      const family = random.below(2) === 0 ? 4 : 6;
      const length = random.below(family === 4 ? 33 : 129);
      const near = address(family, () => random.below(256));
      const base = parseRange(`${masked(near, length)}/${length}`);
      if (base === undefined) throw new Error('no range');
      const bit = random.below(family === 4 ? 32 : 128);
      const asked = flipped(near, bit);
      const list = new BlockList();
      list.addSubnet(formatAddress(base.base), length, `ipv${family}`);
      const expected = list.check(formatAddress(asked), `ipv${family}`);
      expect([formatAddress(asked), formatRange(base), inRange(asked, base)]).toEqual([
        formatAddress(asked),
        formatRange(base),
        expected,
      ]);
      expect(prefixOf(asked, length) === prefixOf(base.base, length)).toBe(expected);
    }
  });

  it('of one family has no address of the other', () => {
    const [v4, v6] = [parseRange('0.0.0.0/0'), parseRange('::/0')];
    const [one, other] = [parseAddress('1.2.3.4'), parseAddress('::1')];
    if (!v4 || !v6 || !one || !other) throw new Error('unreadable');
    expect([inRange(one, v6), inRange(other, v4), inRange(one, v4), inRange(other, v6)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});

describe('an IPv4 address in an IPv6 address', () => {
  it.each([
    ['::ffff:10.0.0.1', 'mapped', ['10.0.0.1']],
    ['::10.0.0.1', 'compatible', ['10.0.0.1']],
    ['::ffff:0:10.0.0.1', 'translated', ['10.0.0.1']],
    ['64:ff9b::10.0.0.1', 'nat64', ['10.0.0.1']],
    ['64:ff9b:1:0a00:0:100::', 'nat64', ['0.0.0.0', '10.0.0.1', '0.0.1.0', '0.1.0.0']],
    ['2002:a00:1::', '6to4', ['10.0.0.1']],
    ['2001:0:a00:1:0:0:f5ff:fffd', 'teredo', ['10.0.0.1', '10.0.0.2']],
    ['2600::5efe:10.0.0.1', 'isatap', ['10.0.0.1']],
    ['2600::200:5efe:10.0.0.1', 'isatap', ['10.0.0.1']],
  ])('%s: %s', (text, by, addresses) => {
    const bytes = parseIpv6(text);
    const found = bytes && embeddedIpv4(bytes);
    expect(found?.by).toBe(by);
    expect(found?.addresses.map(formatIpv4)).toEqual(addresses);
  });

  it.each(['::', '::1', '2600::1', 'fd00::1', '2001:db8::1', 'fe80::1', '64:ff9c::1'])('%s: none', (text) => {
    const bytes = parseIpv6(text);
    expect(bytes && embeddedIpv4(bytes)).toBeUndefined();
  });
});

function address(family: 4 | 6, byte: () => number): Address {
  const bytes = Uint8Array.from({ length: family === 4 ? 4 : 16 }, byte);
  return family === 6 ? { family, bytes } : { family, ip: bytes.reduce((sum, next) => sum * 256 + next, 0) };
}

function bytesOf(from: Address): Uint8Array {
  if (from.family === 6) return Uint8Array.from(from.bytes);
  return Uint8Array.of(from.ip >>> 24, (from.ip >>> 16) & 255, (from.ip >>> 8) & 255, from.ip & 255);
}

function flipped(from: Address, bit: number): Address {
  const bytes = bytesOf(from);
  const at = bit >> 3;
  bytes[at] = (bytes[at] ?? 0) ^ (128 >> (bit & 7));
  let next = 0;
  return address(from.family, () => bytes[next++] ?? 0);
}

function masked(from: Address, length: number): string {
  const bytes = bytesOf(from);
  let next = 0;
  return formatAddress(
    address(from.family, () => {
      let byte = bytes[next] ?? 0;
      for (let bit = 0; bit < 8; bit += 1) if (8 * next + bit >= length) byte &= ~(128 >> bit);
      next += 1;
      return byte;
    }),
  );
}
