import { describe, expect, it } from 'vitest';
import { canonicalHost, canonicalServerName } from '../../../../src/gateway/names/host.ts';
import { wireOf } from '../../../../src/gateway/names/wire.ts';

const LABEL_63 = 'a'.repeat(63);
const NAME_253 = `${`${LABEL_63}.`.repeat(3)}${'b'.repeat(61)}`;

function result(text: string): string {
  const host = canonicalHost(wireOf(text));
  return 'refused' in host ? `! ${host.refused}` : `${host.kind} ${host.text}`;
}

describe('a host', () => {
  it.each([
    // Case and the one trailing dot.
    ['example.com', 'name example.com'],
    ['EXAMPLE.Com', 'name example.com'],
    ['example.com.', 'name example.com'],
    ['localhost', 'name localhost'],
    ['a_b.example', 'name a_b.example'],
    ['-a-.example', 'name -a-.example'],
    ['r3---sn-x.example', 'name r3---sn-x.example'],
    ['1.example', 'name 1.example'],
    ['0x7f.example', 'name 0x7f.example'],
    // Empty labels.
    ['example.com..', '! empty-label'],
    ['.example.com', '! empty-label'],
    ['a..b', '! empty-label'],
    ['.', '! empty'],
    ['', '! empty'],
    // Lengths.
    [`${LABEL_63}.de`, `name ${LABEL_63}.de`],
    [`a${LABEL_63}.de`, '! long-label'],
    [NAME_253, `name ${NAME_253}`],
    [`${NAME_253}.`, `name ${NAME_253}`],
    [`${NAME_253}b`, '! too-long'],
    ['a.'.repeat(600), '! too-long'],
    // U-labels and A-labels.
    ['bücher.example', 'name xn--bcher-kva.example'],
    ['BÜCHER.example', 'name xn--bcher-kva.example'],
    ['bu\u0308cher.example', 'name xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'name xn--bcher-kva.example'],
    ['faß.de', 'name xn--fa-hia.de'],
    ['exa\u00admple.com', 'name example.com'],
    ['\u212aernel.org', 'name kernel.org'],
    ['xn--a.com', '! idna'],
    ['xn--.com', '! idna'],
    ['xn--iñvalid.com', '! idna'],
    // Full-width and ideographic dots, full-width letters and what turns into separators.
    ['example\uff0ecom', 'name example.com'],
    ['example\u3002com', 'name example.com'],
    ['example\uff61com', 'name example.com'],
    ['\uff45xample.com', 'name example.com'],
    ['a\uff0fb', '! idna'],
    ['a\uff1ab', '! idna'],
    ['a\uff20b', '! idna'],
    ['a\u2100b', '! idna'],
    // What has a meaning elsewhere.
    ['a@b', '! userinfo'],
    ['user:word@b', '! userinfo'],
    ['a%2eb', '! byte'],
    ['ex%61mple.com', '! byte'],
    ['a/b', '! byte'],
    ['a\\b', '! byte'],
    ['a?b', '! byte'],
    ['a#b', '! byte'],
    ['a b', '! byte'],
    [' a', '! byte'],
    ['a\0', '! byte'],
    ['a\0.example.com', '! byte'],
    ['a\tb', '! byte'],
    ['a\r\nb', '! byte'],
    ['a\x7f', '! byte'],
    ['a,b', '! byte'],
    ['*.example.com', '! byte'],
    // IPv4: four decimal numbers, all other spellings are refused.
    ['93.184.216.34', 'address 93.184.216.34'],
    ['0.0.0.0', 'address 0.0.0.0'],
    ['93.184.216.34.', '! ipv4-spelling'],
    ['127.1', '! ipv4-spelling'],
    ['2130706433', '! ipv4-spelling'],
    ['0x7f000001', '! ipv4-spelling'],
    ['0X7F.0.0.1', '! ipv4-spelling'],
    ['0177.0.0.1', '! ipv4-spelling'],
    ['127.0.0.01', '! ipv4-spelling'],
    ['256.0.0.1', '! ipv4-spelling'],
    ['1.2.3.4.5', '! ipv4-spelling'],
    ['a.1', '! ipv4-spelling'],
    ['a.0x', '! ipv4-spelling'],
    ['\uff11\uff12\uff17.0.0.1', '! ipv4-spelling'],
    ['127\u3002\u30020.1', '! idna'],
    ['a\u3002\u3002b', '! empty-label'],
    // IPv6 in brackets.
    ['[2001:DB8::1]', 'address 2001:db8::1'],
    ['[::1]', 'address ::1'],
    ['[::]', 'address ::'],
    ['[2001:db8:0:0:0:0:0:1]', 'address 2001:db8::1'],
    ['2001:db8::1', '! byte'],
    ['[2001:db8::1', '! ipv6'],
    ['2001:db8::1]', '! byte'],
    ['[[2001:db8::1]]', '! ipv6'],
    ['[fe80::1%25eth0]', '! ipv6'],
    ['[v1.a]', '! ipv6'],
    ['[127.0.0.1]', '! ipv6'],
    ['[example.com]', '! ipv6'],
    ['[]', '! ipv6'],
    ['[::ffff:127.0.0.1]', '! embedded-ipv4'],
    ['[::ffff:7f00:1]', '! embedded-ipv4'],
    ['[::127.0.0.1]', '! embedded-ipv4'],
    ['[64:ff9b::7f00:1]', '! embedded-ipv4'],
    ['[2002:7f00:1::]', '! embedded-ipv4'],
    ['[2001::1]', '! embedded-ipv4'],
    ['[2600::5efe:7f00:1]', '! embedded-ipv4'],
  ])('%j is %s', (text, expected) => {
    const found = result(text);
    expect(found).toBe(expected);
    const [kind, canonical = ''] = found.split(' ');
    if (kind === '!') return;
    expect(result(canonical.includes(':') ? `[${canonical}]` : canonical)).toBe(found);
  });

  it.each([
    ['\xff.com', 'utf8'],
    ['\xc0\xae.com', 'utf8'],
    ['a\xe2\x80.com', 'utf8'],
    ['a\u0100.com', 'utf8'],
  ])('as wire bytes %j is refused', (wire, reason) => {
    expect(canonicalHost(wire)).toEqual({ refused: reason });
  });

  it('in a TLS server name is a name', () => {
    expect(canonicalServerName('A.example')).toEqual({ kind: 'name', text: 'a.example' });
    expect(canonicalServerName('10.0.0.1')).toEqual({ refused: 'address' });
    expect(canonicalServerName('[::1]')).toEqual({ refused: 'address' });
  });
});
