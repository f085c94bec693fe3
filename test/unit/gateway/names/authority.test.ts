import { describe, expect, it } from 'vitest';
import {
  canonicalAuthority,
  canonicalConnectTarget,
  sameAuthority,
  serialiseAuthority,
  serialiseConnectTarget,
} from '../../../../src/gateway/names/authority.ts';

function result(wire: string, scheme?: 'http' | 'https'): string {
  const found = scheme === undefined ? canonicalConnectTarget(wire) : canonicalAuthority(wire, scheme);
  if ('refused' in found) return `! ${found.refused}`;
  return scheme === undefined ? serialiseConnectTarget(found) : serialiseAuthority(found, scheme);
}

describe('an authority', () => {
  it.each([
    ['A.example', 'a.example'],
    ['a.example:80', 'a.example'],
    ['a.example:443', 'a.example:443'],
    ['a.example.:8080', 'a.example:8080'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    ['[2001:DB8::1]:80', '[2001:db8::1]'],
    ['[2001:DB8::1]:81', '[2001:db8::1]:81'],
    ['10.0.0.1:81', '10.0.0.1:81'],
    ['a.example:65535', 'a.example:65535'],
    ['a.example:', '! port'],
    ['a.example:0', '! port'],
    ['a.example:65536', '! port'],
    ['a.example:99999999999', '! port'],
    ['a.example:080', '! port'],
    ['a.example:+80', '! port'],
    ['a.example:-80', '! port'],
    ['a.example: 80', '! port'],
    ['a.example:80 ', '! port'],
    ['a.example:0x50', '! port'],
    ['a.example:8e1', '! port'],
    ['a.example:80:80', '! port'],
    ['a.example:http', '! port'],
    ['a.example:\uff18\uff10', '! port'],
    ['[2001:db8::1]80', '! ipv6'],
    ['[2001:db8::1]:80]', '! ipv6'],
    ['user@a.example', '! userinfo'],
    ['a.example:80@b.example', '! userinfo'],
    ['a.example:80@b.example:80', '! userinfo'],
    [':80', '! empty'],
    ['', '! empty'],
  ])('%j over http is %s', (wire, expected) => {
    expect(result(wire, 'http')).toBe(expected);
    if (!expected.startsWith('!')) expect(result(expected, 'http')).toBe(expected);
  });

  it('leaves out the port of its own scheme only', () => {
    expect([result('a.example:443', 'https'), result('a.example:80', 'https')]).toEqual([
      'a.example',
      'a.example:80',
    ]);
  });

  it.each([
    ['a.example:443', 'a.example:443'],
    ['A.example.:80', 'a.example:80'],
    ['[::1]:443', '[::1]:443'],
    ['a.example', '! no-port'],
    ['[::1]', '! no-port'],
    ['a.example:', '! port'],
    ['https://a.example:443', '! port'],
    ['a.example:443/', '! port'],
  ])('%j of CONNECT is %s', (wire, expected) => {
    expect(result(wire)).toBe(expected);
  });

  it('is the same in two spellings, and another one with another port', () => {
    const read = (wire: string) => {
      const found = canonicalAuthority(wire, 'https');
      if ('refused' in found) throw new Error(found.refused);
      return found;
    };
    expect(sameAuthority(read('A.example.'), read('a.example:443'))).toBe(true);
    expect(sameAuthority(read('a.example'), read('a.example:80'))).toBe(false);
    expect(sameAuthority(read('a.example'), read('b.example'))).toBe(false);
  });
});
