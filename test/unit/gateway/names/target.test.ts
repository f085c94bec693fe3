import { describe, expect, it } from 'vitest';
import { explainRefusal, isRefusal, REFUSAL_REASONS, refuse } from '../../../../src/gateway/names/refusal.ts';
import {
  canonicalResource,
  canonicalTarget,
  serialiseResource,
  serialiseTarget,
} from '../../../../src/gateway/names/target.ts';
import { wireOf } from '../../../../src/gateway/names/wire.ts';
import { type Random, seeded } from '../../config/random.ts';

function result(wire: string): string {
  const target = canonicalTarget(wire);
  return isRefusal(target) ? `! ${target.refused}` : serialiseTarget(target);
}

describe('a target in absolute form', () => {
  it.each([
    ['http://A.example', 'http://a.example/'],
    ['HTTP://a.example/', 'http://a.example/'],
    ['https://a.example:443/x', 'https://a.example/x'],
    ['https://a.example:80/x', 'https://a.example:80/x'],
    ['http://a.example?q', 'http://a.example/?q'],
    ['http://a.example/?', 'http://a.example/?'],
    ['http://a.example/a?b/../c?%2e%zz\\;"', 'http://a.example/a?b/../c?%2e%zz\\;"'],
    ['http://a.example/x/%2e%2e/y', 'http://a.example/y'],
    ['http://a.example//b.example/', 'http://a.example//b.example/'],
    ['http://[2001:db8::1]:81/', 'http://[2001:db8::1]:81/'],
    ['ftp://a.example/', '! scheme'],
    ['ws://a.example/', '! scheme'],
    ['file:///etc/passwd', '! scheme'],
    ['http:/a.example/', '! form'],
    ['http:a.example/', '! form'],
    ['//a.example/', '! form'],
    ['/a', '! form'],
    ['*', '! form'],
    ['', '! form'],
    ['http:///a', '! empty'],
    ['http://a@b.example/', '! userinfo'],
    ['http://a:b@c.example/', '! userinfo'],
    ['http://a.example\\@b.example/', '! form'],
    ['http://a.example\\b', '! form'],
    ['http://a.example/a#b', '! fragment'],
    ['http://a.example/?a#b', '! fragment'],
    ['http://a.example#@b.example/', '! fragment'],
    ['http://a.example/?a b', '! byte'],
    ['http://a.example/?a\r\nb', '! byte'],
    ['http://a.example/?\u20ac', '! byte'],
    [`http://a.example/?${'q'.repeat(16_385)}`, '! too-long'],
    ['\thttp://a.example/', '! form'],
    ['ht\ntp://a.example/', '! form'],
  ])('%j is %s', (wire, expected) => {
    expect(result(wire)).toBe(expected);
    if (!expected.startsWith('!')) expect(result(expected)).toBe(expected);
  });

  it('in origin form has a path and may have a query', () => {
    const read = (wire: string) => {
      const found = canonicalResource(wire);
      return isRefusal(found) ? found.refused : serialiseResource(found);
    };
    expect(['/a/%2e?%2e', '/?', '//h/', 'http://a/', '*', ''].map(read)).toEqual([
      '/a/?%2e',
      '/?',
      '//h/',
      'form',
      'form',
      'form',
    ]);
  });
});

it.each(REFUSAL_REASONS)('%s has words for people', (reason) => {
  expect(explainRefusal(refuse(reason))).toMatch(/^[a-z].{10,}[^.]$/i);
});

const PIECES: readonly [string, ...string[]] = [
  'a',
  ...[
    'a',
    'B',
    'example',
    '.',
    '..',
    '...',
    '/',
    '//',
    ':',
    '@',
    '%',
    '%2',
    '%2e',
    '%2E%2e',
    '%2f',
    '%5c',
    '%00',
    '%252e',
  ],
  ...[
    '%41',
    '%c3%a9',
    '%c0%af',
    '\\',
    ';',
    ';x',
    '?',
    '#',
    ' ',
    '\t',
    '\0',
    '[',
    ']',
    '::1',
    '[2001:db8::1]',
    '127.0.0.1',
  ],
  ...[
    '0x7f',
    '1',
    '80',
    '443',
    '080',
    'ü',
    'ß',
    '。',
    '．',
    '／',
    'xn--',
    'xn--bcher-kva',
    '_',
    '-',
    '*',
    '~',
    '!',
    '$',
    '"',
    '|',
    '{',
    '\u00ad',
  ],
];

/**
 * Whatever is accepted is what a URL parser reads too: the same host, port and query, and the same path once both are in canonical form. And it is
 * its own canonical form.
 */
describe('what is accepted', { timeout: 60_000 }, () => {
  const random = seeded(14);

  it('is what WHATWG URL reads', () => {
    let accepted = 0;
    for (let i = 0; i < 30_000; i += 1) {
      const text = randomUrl(random);
      const target = canonicalTarget(wireOf(text));
      if (isRefusal(target)) continue;
      accepted += 1;
      const url = new URL(text);
      const path = canonicalTarget(wireOf(`http://x${url.pathname}`));
      expect([
        text,
        url.protocol,
        url.hostname,
        url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port),
        isRefusal(path) ? path : path.path,
      ]).toEqual([
        text,
        `${target.scheme}:`,
        target.authority.host.text.includes(':')
          ? `[${target.authority.host.text}]`
          : `${target.authority.host.text}${dot(url.hostname)}`,
        target.authority.port,
        target.path,
      ]);
      const sent = serialiseTarget(target);
      expect(canonicalTarget(sent)).toEqual(target);
      // What is sent, a URL parser leaves as it is, but for the query, which nobody touches.
      const again = new URL(sent.split('?', 1)[0] ?? '');
      expect(again.href).toBe(sent.split('?', 1)[0]);
    }
    expect(accepted).toBeGreaterThan(3000);
  });

  it('is never what WHATWG URL refuses', () => {
    for (let i = 0; i < 10_000; i += 1) {
      const text = randomUrl(random);
      if (parses(text)) continue;
      expect([text, canonicalTarget(wireOf(text))]).toEqual([text, { refused: expect.any(String) }]);
    }
  });
});

/** `URL.canParse` of node 20 says no to some texts with Latin letters that the constructor takes. */
function parses(text: string): boolean {
  try {
    new URL(text);
    return true;
  } catch {
    return false;
  }
}

/** WHATWG keeps the trailing dot of a host. */
function dot(hostname: string): string {
  return hostname.endsWith('.') ? '.' : '';
}

function randomUrl(random: Random): string {
  const some = (most: number) =>
    Array.from({ length: random.below(most) }, () => random.pick(PIECES)).join('');
  const host =
    random.below(3) === 0 ? some(5) : random.pick(['a.example', 'Bücher.example', '10.0.0.1', 'A.example.']);
  const port = random.below(4) === 0 ? `:${random.pick(['80', '443', '8080', '080', '', '0', '65536'])}` : '';
  return `${random.pick(['http', 'https', 'HTTP'])}://${host}${port}/${some(8)}`;
}
