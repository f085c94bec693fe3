import { decode, encode } from 'dns-packet';
import { answerQuery } from '../../../src/gateway/dns/answer.ts';
import { readReply } from '../../../src/gateway/dns/reply.ts';
import { firstBytes, type Look } from '../../../src/gateway/hello/first-bytes.ts';
import { isRefusal } from '../../../src/gateway/names/refusal.ts';
import { canonicalTarget, serialiseTarget } from '../../../src/gateway/names/target.ts';
import { wireOf } from '../../../src/gateway/names/wire.ts';
import { matchesPath, parsePathPattern } from '../../../src/gateway/rules/path-pattern.ts';
import { demand } from '../demand.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  name: 'target',
  samples: [
    'http://a.example/a/b?c',
    'https://Bücher.example:8443/%7Eme/../%c3%a9;x//y?%2e#',
    'http://[2001:db8::1]:81/a%2Fb',
    'http://93.184.216.34/',
  ],
  words: [
    '%2e',
    '%2f',
    '%5c',
    '%00',
    '%25',
    '%c0%af',
    '..',
    '//',
    ';',
    '\\',
    '#',
    '?',
    '@',
    ':80',
    '[::1]',
    'xn--',
    '．',
    '0x7f.1',
    '127.1',
  ],
  judge(input) {
    const found = canonicalTarget(wireOf(input));
    if (isRefusal(found)) return false;
    const sent = serialiseTarget(found);
    const again = canonicalTarget(sent);
    demand(!isRefusal(again) && serialiseTarget(again) === sent, `${sent} is its own canonical form`);
    demand(/^[\x21-\xff]+$/.test(sent) && !sent.includes('#'), 'it fits into a request line');
    const { hostname, port, protocol } = new URL(input);
    const name = found.authority.host.text;
    demand(hostname.replace(/^\[|\]$|\.$/g, '') === name, `${name} is the host that WHATWG URL reads`);
    demand(protocol === `${found.scheme}:`, 'scheme');
    demand((Number(port) || (protocol === 'http:' ? 80 : 443)) === found.authority.port, 'port');
    demand(new URL(sent).pathname === found.path.text, 'WHATWG URL leaves the canonical path as it is');
    demand(!/(^|[/\\])\.\.?([/\\;]|$)/.test(found.path.loose), 'no dot segment in the loose reading');
    return true;
  },
};

export const pattern: Target = {
  name: 'pattern',
  samples: ['/repos/*/issues /repos/acme/issues', '/a/**/b*c /a/x/y/bzc', '/ubuntu/* /ubuntu/a%2Fb', '/a /a'],
  words: ['*', '**', '/', '%2F', '%5C', 'a', ' /', '/*/', '/**'],
  judge(input) {
    const [written = '', url = ''] = input.split(' ');
    const compiled = parsePathPattern(written);
    const found = canonicalTarget(wireOf(`http://a.example${url}`));
    const canonical = canonicalTarget(wireOf(`http://a.example${written}`));
    if ('fault' in compiled || isRefusal(found) || isRefusal(canonical)) return false;
    // A slow model: a regular expression, on short texts only, because it backtracks.
    if (written.length > 40 || found.path.text.length > 60) return false;
    const source = canonical.path.text
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+$/, '§')
      .replaceAll(/\*{2,}/g, '§')
      .replaceAll('*', '(?:(?!%2F|%5C)[^/])*')
      .replaceAll('§', '.*');
    const expected = new RegExp(`^${source}$`, 's').test(found.path.text);
    demand(
      matchesPath(compiled, found.path, false) === expected,
      `${written} and ${found.path.text}: ${expected}`,
    );
    demand(
      !expected || matchesPath(compiled, found.path, true),
      'a prohibition covers what a permission does',
    );
    return true;
  },
};

const hello = Buffer.from(
  '16030100380100003403030707070707070707070707070707070707070707070707070707070707070707000002130101000009000000050003000061'.slice(
    0,
    122,
  ),
  'hex',
).toString('latin1');

export const opening: Target = {
  name: 'opening',
  samples: [
    hello,
    'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'SSH-2.0-x\r\n',
  ],
  words: ['\x16\x03\x01', '\x01\x00', '\r\n', '\n', ' ', 'Host: b\r\n', ' HTTP/1.0\r\n', '\x00\x00'],
  judge(input) {
    const bytes = Buffer.from(input, 'latin1');
    const whole = firstBytes().add(bytes);
    const gathered = firstBytes();
    let look: Look = { kind: 'more' };
    for (let at = 0; at < bytes.length && look.kind === 'more'; at += 1)
      look = gathered.add(bytes.subarray(at, at + 1));
    demand(JSON.stringify(look) === JSON.stringify(whole), 'byte by byte it is the same');
    return whole.kind === 'tls' || whole.kind === 'http' || whole.kind === 'http2';
  },
};

const QUERY = { id: 7, type: 'query', flags: 0x0100, questions: [{ name: 'a.example', type: 'A' }] } as const;

export const dns: Target = {
  name: 'dns',
  samples: [
    encode(QUERY).toString('latin1'),
    encode({
      ...QUERY,
      additionals: [{ name: '.', type: 'OPT', udpPayloadSize: 4096, ednsVersion: 0, flags: 0, options: [] }],
    }).toString('latin1'),
    encode({
      ...QUERY,
      type: 'response',
      answers: [
        { name: 'a.example', type: 'CNAME', ttl: 1, data: 'b.example' },
        { name: 'b.example', type: 'A', ttl: 1, data: '192.0.2.1' },
      ],
    }).toString('latin1'),
  ],
  words: ['\xc0\x0c', '\x00\x01', '\x00\x29', '\x00\x1c', '\x3f', '\x01a\x00', '\xff\xff'],
  judge(input) {
    const bytes = Buffer.from(input, 'latin1');
    readReply(bytes, { id: 7, name: 'a.example', type: 'A' });
    const answer = answerQuery(bytes, 60, (name) => {
      demand(/^[a-z0-9_.-]{1,253}$/.test(name), `name ${name}`);
      return 0xc612_0001;
    });
    if (answer === undefined) return false;
    demand(answer.length <= 512, `an answer of ${answer.length} bytes`);
    const { id, type, answers } = decode(answer);
    demand(
      id === bytes.readUInt16BE(0) && type === 'response' && answers.length < 2,
      'it is the answer to its query',
    );
    return answers.length === 1;
  },
};
