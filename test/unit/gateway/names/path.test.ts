import { describe, expect, it } from 'vitest';
import { canonicalPath } from '../../../../src/gateway/names/path.ts';

describe('a path', () => {
  it.each([
    ['', '/'],
    ['/', '/'],
    ['/a/b.c', '/a/b.c'],
    ['/a/.b', '/a/.b'],
    ['/a/b../c', '/a/b../c'],
    ['/a/...', '/a/...'],
    // Percent-encoding: unreserved ones decoded, the rest in upper case, what may not stand raw encoded.
    ['/%61%2D%2e%5F%7e', '/a-._~'],
    ['/%c3%a9', '/%C3%A9'],
    ['/\xc3\xa9', '/%C3%A9'],
    ['/%21%24%3b', '/%21%24%3B'],
    ['/a"<>^`{|}[]', '/a%22%3C%3E%5E%60%7B%7C%7D%5B%5D'],
    ["/!$&'()*+,=:@", "/!$&'()*+,=:@"],
    ['/%20', '/%20'],
    // A slash that is data stays apart from one that separates.
    ['/a%2fb', '/a%2Fb'],
    ['/a%5cb', '/a%5Cb'],
    // Dot segments, in any spelling.
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/..', '/'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['/..', '/'],
    ['/../../a', '/a'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/%2e./b', '/b'],
    ['/a/%2e/b', '/a/b'],
    ['/a//../b', '/a/b'],
    // Empty segments and parameters are data of the upstream.
    ['//a', '//a'],
    ['/a//b', '/a//b'],
    ['/a;x=1/b', '/a;x=1/b'],
    // Encoded twice: sent as it is, looked through below.
    ['/%2520', '/%2520'],
    ['/100%25', '/100%25'],
  ])('%j is %s', (wire, expected) => {
    const path = canonicalPath(wire);
    expect(path).toMatchObject({ text: expected });
    expect(canonicalPath(expected)).toEqual(path);
  });

  it.each([
    ['a', 'form'],
    ['*', 'form'],
    ['/a?b', 'form'],
    ['/a#b', 'fragment'],
    ['/a\\b', 'backslash'],
    ['/..\\a', 'backslash'],
    ['/%00', 'control'],
    ['/a%00.txt', 'control'],
    ['/%0d%0aHost:%20x', 'control'],
    ['/%7f', 'control'],
    ['/a b', 'control'],
    ['/a\tb', 'control'],
    ['/a\0', 'control'],
    ['/%', 'percent-encoding'],
    ['/%2', 'percent-encoding'],
    ['/%zz', 'percent-encoding'],
    ['/%u002e', 'percent-encoding'],
    // Overlong forms of "/", "." and NUL, halves and surrogates.
    ['/%c0%af', 'utf8'],
    ['/%c0%ae%c0%ae/', 'utf8'],
    ['/%e0%80%af', 'utf8'],
    ['/%f0%80%80%af', 'utf8'],
    ['/%c0%80', 'utf8'],
    ['/%e9', 'utf8'],
    ['/\xe9', 'utf8'],
    ['/%ed%a0%80', 'utf8'],
    ['/%f5%80%80%80', 'utf8'],
    ['/\u20ac', 'byte'],
    // Dot segments that only some upstreams see.
    ['/a/..%2fb', 'hidden-dots'],
    ['/a%2f..%2fb', 'hidden-dots'],
    ['/a%2f..', 'hidden-dots'],
    ['/a/%2e%2e%2fb', 'hidden-dots'],
    ['/a/..%5cb', 'hidden-dots'],
    ['/a/..;/b', 'hidden-dots'],
    ['/a/..;x=y/b', 'hidden-dots'],
    ['/a/.;/b', 'hidden-dots'],
    ['/a/..%3bx/b', 'hidden-dots'],
    ['/a/..%20/b', 'hidden-dots'],
    ['/a/%252e%252e/b', 'hidden-dots'],
    ['/a/%25252e%25252e/b', 'hidden-dots'],
    ['/a/..%252fb', 'hidden-dots'],
    ['/a/%252500', 'control'],
    ['/a/%2500', 'control'],
    ['/%2525252525252e', 'nested-encoding'],
    [`/${'a'.repeat(16_384)}`, 'too-long'],
  ])('%j is refused: %s', (wire, reason) => {
    expect(canonicalPath(wire)).toEqual({ refused: reason });
  });

  it.each([
    ['/a/b', '/a/b'],
    ['/a%2Fb', '/a/b'],
    ['/a%5Cb', '/a/b'],
    ['/a%252Fb', '/a/b'],
    ['//a///b', '/a/b'],
    ['/a//', '/a/'],
    ['/a;x/b;y', '/a/b'],
    ['/a./b. ', '! control'],
    ['/a./b.', '/a/b'],
    ['/a%20/b', '/a/b'],
    ['/%21', '/!'],
    ['/%C3%A9', '/%C3%A9'],
    ['/%25C3%25A9', '/%C3%A9'],
  ])('%j may be read as %s', (wire, expected) => {
    const path = canonicalPath(wire);
    expect('refused' in path ? `! ${path.refused}` : path.loose).toBe(expected);
  });
});
