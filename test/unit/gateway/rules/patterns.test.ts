import { describe, expect, it, test } from 'vitest';
import { canonicalPath } from '../../../../src/gateway/names/path.ts';
import { isRefusal } from '../../../../src/gateway/names/refusal.ts';
import {
  formatHostPattern,
  matchesHost,
  parseHostPattern,
} from '../../../../src/gateway/rules/host-pattern.ts';
import { matchesPath, parsePathPattern } from '../../../../src/gateway/rules/path-pattern.ts';
import { seeded } from '../../config/random.ts';
import { host } from './make.ts';

describe('a host pattern', () => {
  it.each([
    ['A.Example.', 'a.example', ['a.example'], ['b.a.example', 'xa.example', 'example']],
    [
      '*.Docker.io',
      '*.docker.io',
      ['a.docker.io', 'a.b.docker.io'],
      ['docker.io', 'xdocker.io', 'docker.io.x'],
    ],
    ['*.bücher.example', '*.xn--bcher-kva.example', ['a.xn--bcher-kva.example'], ['xn--bcher-kva.example']],
    ['*', '*', ['a.example', 'localhost'], ['10.0.0.1', '[2600::1]']],
    ['93.184.216.34', '93.184.216.34/32', ['93.184.216.34'], ['93.184.216.35', 'a.example', '[2600::1]']],
    ['93.184.0.0/16', '93.184.0.0/16', ['93.184.255.1'], ['93.185.0.0', 'a.example']],
    ['0.0.0.0/0', '0.0.0.0/0', ['93.184.255.1'], ['[2600::1]', 'a.example']],
    ['[2600:0::1]', '2600::1/128', ['[2600::1]'], ['[2600::2]']],
    ['2600::/16', '2600::/16', ['[2600:1::1]'], ['[2601::1]', '93.184.216.34']],
  ])('%s is %s', (text, written, matched, others) => {
    const pattern = parseHostPattern(text);
    if ('fault' in pattern) throw new Error(pattern.fault);
    expect(formatHostPattern(pattern)).toBe(written);
    expect(matched.map((name) => matchesHost(pattern, host(name), false))).toEqual(matched.map(() => true));
    expect(others.map((name) => matchesHost(pattern, host(name), false))).toEqual(others.map(() => false));
  });

  it('of all is one of addresses too where it denies', () => {
    expect(matchesHost({ kind: 'any' }, host('10.0.0.1'), true)).toBe(true);
    expect(matchesHost({ kind: 'below', parent: '0.0.1' }, host('10.0.0.1'), true)).toBe(false);
  });

  it.each([
    ['', /there is no host/],
    ['*.', /there is no host/],
    ['a.*', /has a \* that/],
    ['*a.example', /has a \* that/],
    ['*.*.example', /has a \* that/],
    ['**', /has a \* that/],
    ['*.10.0.0.1', /before an address/],
    ['10.0.0.1/8', /zeros after its prefix/],
    ['127.1', /four decimal numbers/],
    ['a.example:443', /may not stand there/],
    ['https://a.example', /zeros after its prefix/],
    ['::ffff:10.0.0.1', /write the IPv4 address/],
    ['a..b', /empty label/],
  ])('is not %j', (text, fault) => {
    expect(parseHostPattern(text)).toEqual({ fault: expect.stringMatching(fault) });
  });
});

describe('a path pattern', () => {
  it.each([
    ['/', ['/'], ['/a', '//']],
    ['/a', ['/a', '/%61'], ['/a/', '/ab', '/A', '/']],
    // As the last character it crosses.
    [
      '/ubuntu/*',
      ['/ubuntu/', '/ubuntu/a', '/ubuntu/a/b', '/ubuntu/a%2Fb'],
      ['/ubuntu', '/ubuntux/a', '/x/ubuntu/a'],
    ],
    ['/a*', ['/a', '/ab', '/a/b/c'], ['/b']],
    ['/*', ['/', '/a/b'], []],
    ['/**', ['/', '/a/b'], []],
    ['/repos/acme/**', ['/repos/acme/', '/repos/acme/a/b'], ['/repos/acme', '/repos/other/a']],
    // Elsewhere it stays within a segment, and so within what an upstream may take for one.
    [
      '/repos/*/issues',
      ['/repos/a/issues', '/repos//issues'],
      ['/repos/a/b/issues', '/repos/a%2Fb/issues', '/repos/a%5Cb/issues', '/repos/issues'],
    ],
    ['/*/b/*', ['/a/b/', '/a/b/c/d'], ['/a/c/b/d']],
    ['/a*c/d', ['/ac/d', '/abc/d'], ['/a/c/d', '/abc/d/']],
    ['/a/**/z', ['/a/b/z', '/a/b/c/z', '/a//z'], ['/a/z', '/a/b/z/y']],
    ['/*.deb', ['/a.deb', '/.deb'], ['/a/b.deb', '/a.debx']],
    ['/**.deb', ['/a.deb', '/a/b.deb'], ['/a/b.deb/c']],
    ['/a/**/b/*/c', ['/a/x/b/y/c', '/a/x/b/b/y/c'], ['/a/x/b/y/z/c']],
    // Its own spelling does not matter.
    ['/a b', ['/a%20b'], ['/a+b']],
    ['/%7eme/%c3%a9', ['/~me/%C3%A9'], []],
    ['/é/*', ['/%C3%A9/x'], []],
    ['/a/../b', ['/b'], ['/a/b']],
    ['/a%2fb', ['/a%2Fb'], ['/a/b']],
  ])('%s', (text, matched, others) => {
    expect(matched.filter((path) => !matches(text, path))).toEqual([]);
    expect(others.filter((path) => matches(text, path))).toEqual([]);
  });

  it.each([
    [
      '/admin/**',
      [
        '/admin/x',
        '/admin%2Fx',
        '//admin/x',
        '/admin;a/x',
        '/%61dmin/x',
        '/%2561dmin/x',
        '/admin%5Cx',
        '/admin./x',
      ],
      ['/public', '/administrator'],
    ],
    ['/a b/*', ['/a%20b/c', '/a%20b%2Fc'], ['/ab/c']],
    ['/*/secret', ['/a/secret', '/a%2Fsecret', '/a//secret'], ['/a/b/secret']],
  ])('%s of a prohibition covers what upstreams may read', (text, matched, others) => {
    expect(matched.filter((path) => !matches(text, path, true))).toEqual([]);
    expect(others.filter((path) => matches(text, path, true))).toEqual([]);
  });

  it.each([
    ['a', /begin with/],
    ['', /begin with/],
    ['*', /begin with/],
    ['/a?b', /query/],
    ['/a#b', /fragment/],
    ['/a\\b', /backslash/],
    ['/%zz', /hexadecimal/],
    ['/..%2f', /dot segments/],
    [`/${'*/'.repeat(17)}`, /more than 16/],
  ])('is not %j', (text, fault) => {
    expect(parsePathPattern(text)).toEqual({ fault: expect.stringMatching(fault) });
  });

  test('matches what a regular expression matches', { timeout: 60_000 }, () => {
    const random = seeded(3);
    const text = (letters: readonly [string, ...string[]], most: number) =>
      `/${Array.from({ length: random.below(most) }, () => random.pick(letters)).join('')}`;
    let matched = 0;
    for (let i = 0; i < 20_000; i += 1) {
      const pattern = text(['a', 'b', '/', '*', '**', '/', '%2F'], 7);
      const path = text(['a', 'b', '/', '%2F', '%5C'], 9);
      const expected = slowly(pattern).test(path);
      if (expected) matched += 1;
      if (matches(pattern, path) !== expected) expect([pattern, path]).toBe(expected);
    }
    expect(matched).toBeGreaterThan(1000);
  });

  it('with many stars takes no time for a path that was made for it', () => {
    const pattern = parsePathPattern(`/${'**a'.repeat(8)}b`);
    if ('fault' in pattern) throw new Error(pattern.fault);
    const before = process.cpuUsage();
    expect(pattern.matches(`/${'a'.repeat(16_000)}`)).toBe(false);
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  });
});

function matches(text: string, wire: string, deny = false): boolean {
  const pattern = parsePathPattern(text);
  const path = canonicalPath(wire);
  if ('fault' in pattern) throw new Error(`${text} ${pattern.fault}`);
  if (isRefusal(path)) throw new Error(`${wire}: ${path.refused}`);
  return matchesPath(pattern, path, deny);
}

function slowly(pattern: string): RegExp {
  const source = pattern
    .replace(/\*+$/, '§')
    .replaceAll(/\*{2,}/g, '§')
    .replaceAll('*', '(?:(?!%2F|%5C)[^/])*');
  return new RegExp(`^${source.replaceAll('§', '.*')}$`);
}
