import { expect, test } from 'vitest';
import { formatIpv6, parseIpv6 } from '../../../src/model/ipv6.ts';
import { seeded } from '../config/random.ts';

test.each([
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:0db8:0000:0001:0000:0000:0000:0001', '2001:db8:0:1::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['64:ff9b::255.255.255.255', '64:ff9b::ffff:ffff'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
])('%s is %s', (written, canonical) => {
  const bytes = parseIpv6(written);
  expect(bytes && formatIpv6(bytes)).toBe(canonical);
});

test.each([
  '',
  ':',
  ':::',
  '1::2::3',
  '12345::',
  'g::',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '[::1]',
  'fe80::1%eth0',
  'fe80::1%25eth0',
  '::1.2.3',
  '::256.0.0.1',
  '::010.0.0.1',
  '10.0.0.1',
  ' ::1',
])('%j is no IPv6 address', (written) => {
  expect(parseIpv6(written)).toBeUndefined();
});

test('any 16 bytes come back, and are written as URLs write them', { timeout: 60_000 }, () => {
  const random = seeded(6);
  for (let i = 0; i < 2000; i += 1) {
    const bytes = Uint8Array.from({ length: 16 }, (_, at) =>
      random.below(3) === 0 || at % 5 === 0 ? random.below(256) : 0,
    );
    const text = formatIpv6(bytes);
    expect(parseIpv6(text)).toEqual(bytes);
    expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
  }
});
