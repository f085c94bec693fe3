import { describe, expect, test } from 'vitest';
import { formatIpv4, parseIpv4 } from '../../../src/model/ipv4.ts';

describe('addresses', () => {
  test.each([
    ['0.0.0.0', 0],
    ['10.0.0.1', 0x0a000001],
    ['169.254.16.9', 0xa9fe1009],
    ['255.255.255.255', 0xffffffff],
    ['128.0.0.0', 0x80000000],
  ])('%s is %i and back', (text, ip) => {
    expect(parseIpv4(text)).toBe(ip);
    expect(formatIpv4(ip)).toBe(text);
  });
});
