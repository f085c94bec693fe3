import { describe, expect, it, test } from 'vitest';
import {
  type Address,
  formatAddress,
  inRange,
  parseAddress,
  parseRange,
  type Range,
} from '../../../src/model/address.ts';
import { addressPolicy } from '../../../src/model/address-policy.ts';
import { formatIpv4 } from '../../../src/model/ipv4.ts';
import { SPECIAL_RANGES } from '../../../src/model/special-ranges.ts';
import { seeded } from '../config/random.ts';

const range = (text: string): Range => {
  const found = parseRange(text);
  if (found === undefined) throw new Error(text);
  return found;
};
const address = (text: string): Address => {
  const found = parseAddress(text);
  if (found === undefined) throw new Error(text);
  return found;
};

const EVERYTHING = [range('0.0.0.0/0'), range('::/0')];
const plain = addressPolicy({ own: [], guests: [], reach: [] });
const open = addressPolicy({ own: [], guests: [], reach: EVERYTHING });
const at = addressPolicy({
  own: [range('93.184.216.34'), range('10.11.0.1'), range('2600::1'), range('fd01::1')],
  guests: [range('10.12.0.0/16'), range('93.184.217.0/24')],
  reach: [range('10.0.0.0/8'), range('fd01::/64')],
});

/** First and last address of a range. */
function ends({ base, length }: Range): [Address, Address] {
  if (base.family === 4)
    return [base, { family: 4, ip: (base.ip | (length === 32 ? 0 : 0xffff_ffff >>> length)) >>> 0 }];
  const last = base.bytes.map((byte, index) => byte | (255 >> Math.min(8, Math.max(0, length - 8 * index))));
  return [base, { family: 6, bytes: last }];
}

describe('of the special ranges', () => {
  it.each(SPECIAL_RANGES)('$range is forbidden from end to end, and opens $opens', (special) => {
    for (const end of ends(range(special.range))) {
      expect(plain(end)).toBeDefined();
      if (special.opens === 'never') expect(open(end)).toMatchObject({ source: expect.any(String) });
      else expect(open(end)).toBeUndefined();
    }
    expect(special.source).not.toBe('');
  });

  it.each(SPECIAL_RANGES.filter(({ range: text }) => !text.includes(':')))(
    '$range is forbidden in every IPv6 spelling, even if all is opened',
    ({ range: text }) => {
      for (const end of ends(range(text))) {
        if (end.family === 6) throw new Error(text);
        for (const spelling of spellings(end.ip))
          expect([spelling, open(address(spelling))]).not.toEqual([spelling, undefined]);
      }
    },
  );
});

/** Every way to write an IPv4 address as an IPv6 address. */
function spellings(ip: number): string[] {
  const dotted = formatIpv4(ip);
  const [high, low] = [(ip >>> 16).toString(16), (ip & 0xffff).toString(16)];
  const [turnedHigh, turnedLow] = [((~ip >>> 16) & 0xffff).toString(16), (~ip & 0xffff).toString(16)];
  return [
    `::ffff:${dotted}`,
    `::ffff:${high}:${low}`,
    `::${dotted}`,
    `::ffff:0:${dotted}`,
    `64:ff9b::${dotted}`,
    `64:ff9b:1::${dotted}`,
    `64:ff9b:1:${high}:0:${low}::`,
    `2002:${high}:${low}::1`,
    `2001:0:5db8:d822:0:0:${turnedHigh}:${turnedLow}`,
    `2001:0:${high}:${low}:0:0:a247:27dd`,
    `2600::5efe:${dotted}`,
    `2600::200:5efe:${dotted}`,
  ];
}

describe('an address', () => {
  it.each([
    ['93.184.216.35', undefined],
    ['1.1.1.1', undefined],
    ['100.63.255.255', undefined],
    ['100.128.0.0', undefined],
    ['172.32.0.0', undefined],
    ['198.17.255.255', undefined],
    ['198.20.0.0', undefined],
    ['223.255.255.255', undefined],
    ['2600::2', undefined],
    ['2001:200::1', undefined],
    ['2a00:1450:4001::1', undefined],
    ['64:ff9b::93.184.216.35', undefined],
    ['::ffff:93.184.216.35', undefined],
    ['2002:5db8:d823::1', undefined],
    ['93.184.216.34', 'own'],
    ['::ffff:93.184.216.34', 'own'],
    ['64:ff9b::93.184.216.34', 'own'],
    ['2600::1', 'own'],
    ['10.11.0.1', 'own'],
    ['fd01::1', 'own'],
    ['10.12.3.4', 'guests'],
    ['93.184.217.1', 'guests'],
    ['2002:5db8:d901::1', 'guests'],
    ['10.11.0.2', undefined],
    ['fd01::2', undefined],
    ['fd02::1', 'private'],
    ['192.168.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['100.64.0.1', 'shared'],
    ['127.0.0.1', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['169.254.16.9', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['198.18.0.1', 'benchmark'],
    ['255.255.255.255', 'reserved'],
    ['239.1.1.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['fe80::1', 'link-local'],
    ['fec0::1', 'link-local'],
    ['2001:db8::1', 'documentation'],
    ['2001::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['100::1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['::5db8:d823', 'reserved'],
    // Reach opens no embedded address.
    ['::ffff:10.11.0.2', 'private'],
    ['64:ff9b::10.11.0.2', 'private'],
    ['2002:a0b:2::1', 'private'],
    ['2600::5efe:10.11.0.2', 'private'],
  ])('%s: %s', (text, kind) => {
    expect(at(address(text))?.kind).toBe(kind);
  });

  it('is refused with the range, its source, and what is in it', () => {
    expect(at(address('64:ff9b::169.254.169.254'))).toEqual({
      kind: 'metadata',
      range: '169.254.169.254/32',
      source: 'AWS, Azure, Google, OpenStack and OpenNebula: instance metadata',
      embedded: { by: 'nat64', address: '169.254.169.254' },
    });
  });
});

test('random addresses are refused just where a range has them', { timeout: 60_000 }, () => {
  const random = seeded(9);
  const ranges = SPECIAL_RANGES.map(({ range: text }) => range(text));
  for (let i = 0; i < 5000; i += 1) {
    const ip = (random.below(65_536) * 65_536 + random.below(65_536)) >>> 0;
    const asked: Address = { family: 4, ip };
    const expected = ranges.some((special) => inRange(asked, special));
    expect([formatAddress(asked), plain(asked) !== undefined]).toEqual([formatAddress(asked), expected]);
    // What hides an address that is forbidden is forbidden.
    if (expected)
      for (const text of spellings(ip)) expect([text, plain(address(text))]).not.toEqual([text, undefined]);
  }
});
