import { describe, expect, it, test } from 'vitest';
import type { Client } from '../../../../src/gateway/rules/client.ts';
import { compileClient } from '../../../../src/gateway/rules/client.ts';
import { admit, decide } from '../../../../src/gateway/rules/decide.ts';
import { explain, nearestMiss } from '../../../../src/gateway/rules/explain.ts';
import { formatSource } from '../../../../src/gateway/rules/rule.ts';
import { type Random, seeded } from '../../config/random.ts';
import { client, definition, host, request, type Written } from './make.ts';

/** `+3`: allowed by the third rule; `-3`: denied by it; `-`: no rule. */
function verdict(of: Client | undefined, method: string, url: string): string {
  const { allowed, ...rest } = decide(of, request(method, url));
  return `${allowed ? '+' : '-'}${'rule' in rest ? rest.rule.number : ''}`;
}

function admission(of: Client | undefined, name: string, port: number): string {
  const found = admit(of, { host: host(name), port });
  const number = 'rule' in found ? found.rule.number : '';
  return found.allowed ? `${found.treatment} ${number}` : `-${number}`;
}

describe('a verdict', () => {
  const web = client(
    { host: 'archive.ubuntu.com', methods: ['GET', 'HEAD'], paths: ['/ubuntu/*'] },
    { host: '*.docker.io' },
    { host: 'db.internal.example.com', ports: [5432], passthrough: true },
    { host: 'api.github.com', paths: ['/repos/acme/secret/**'], deny: true },
    { host: 'api.github.com', paths: ['/repos/acme/**', '/user'] },
    { host: '*.example.org', deny: true },
    { host: 'www.example.org' },
    { host: '93.184.216.0/24', ports: [80] },
    { host: 'ssh.example.net', passthrough: true },
  );

  it.each([
    ['GET', 'http://archive.ubuntu.com/ubuntu/dists/x', '+1'],
    ['HEAD', 'https://archive.ubuntu.com/ubuntu/', '+1'],
    ['POST', 'http://archive.ubuntu.com/ubuntu/', '-'],
    ['get', 'http://archive.ubuntu.com/ubuntu/', '-'],
    ['GET', 'http://archive.ubuntu.com/debian/', '-'],
    ['GET', 'http://archive.ubuntu.com/ubuntu/../debian/', '-'],
    ['GET', 'http://ARCHIVE.ubuntu.com./ubuntu/?x', '+1'],
    ['GET', 'http://archive.ubuntu.com:8080/ubuntu/', '-'],
    ['DELETE', 'https://registry-1.docker.io/v2/', '+2'],
    ['GET', 'https://a.b.docker.io/', '+2'],
    ['GET', 'https://docker.io/', '-'],
    ['GET', 'http://db.internal.example.com/', '-'],
    ['GET', 'https://api.github.com/repos/acme/a', '+5'],
    ['GET', 'https://api.github.com/repos/acme/secret/a', '-4'],
    ['GET', 'https://api.github.com/repos/acme/secret%2Fa', '-4'],
    ['GET', 'https://api.github.com/repos/acme//secret/a', '-4'],
    ['GET', 'https://api.github.com/user', '+5'],
    ['GET', 'https://api.github.com/users', '-'],
    ['GET', 'https://www.example.org/', '-6'],
    ['GET', 'https://example.org/', '-'],
    ['GET', 'http://93.184.216.34/', '+8'],
    ['GET', 'https://93.184.216.34/', '-'],
    ['GET', 'https://ssh.example.net/', '+9'],
    ['GET', 'http://ssh.example.net/', '-'],
  ])('%s %s: %s', (method, url, expected) => {
    expect(verdict(web, method, url)).toBe(expected);
  });

  it('names its rule by file and line', () => {
    const found = decide(web, request('GET', 'https://www.example.org/'));
    expect('rule' in found && formatSource(found.rule.source)).toBe('tproxy_egress.yaml:16');
  });

  it('for nobody is a denial, and so is that of a client without rules', () => {
    const asked = request('GET', 'http://a.example/');
    expect(decide(undefined, asked)).toEqual({ allowed: false, because: 'no-client' });
    expect(decide(client(), asked)).toMatchObject({ allowed: false, because: 'no-rule' });
    expect(admit(undefined, asked)).toEqual({ allowed: false, because: 'no-client' });
  });

  it.each([
    [[{ host: '*', deny: true }, { host: '10.0.0.0/8' }], 'http://10.0.0.1/', '-1'],
    [[{ host: '*' }, { host: '10.0.0.0/8' }], 'http://10.0.0.1/', '+2'],
    [[{ host: '*' }], 'http://10.0.0.1/', '-'],
    [[{ host: '10.0.0.0/8', deny: true }, { host: '0.0.0.0/0' }], 'http://10.0.0.1/', '-1'],
    [[{ host: '10.0.0.0/9' }, { host: '10.0.0.1' }, { host: '10.0.0.0/8' }], 'http://10.0.0.1/', '+1'],
    [[{ host: '::/0' }], 'http://[2600::1]/', '+1'],
    [[{ host: '*.b.example' }, { host: 'a.b.example' }, { host: '*' }], 'http://a.b.example/', '+1'],
    [[{ host: '*', ports: [81] }, { host: 'a.b.example' }], 'http://a.b.example/', '+2'],
  ] as const)('the first rule counts: %j, %s', (rules, url, expected) => {
    expect(verdict(client(...rules), 'GET', url)).toBe(expected);
  });
});

describe('a connection whose requests are not known yet', () => {
  it.each<[string, Written[], string]>([
    ['nothing fits', [{ host: 'b.example' }], '-'],
    ['another port', [{ host: 'a.example', ports: [80] }], '-'],
    ['allowed as a whole', [{ host: 'a.example' }], 'tls-or-http 1'],
    ['passthrough', [{ host: 'a.example', passthrough: true }], 'passthrough 1'],
    ['denied', [{ host: 'a.example', deny: true }, { host: '*' }], '-1'],
    ['paths', [{ host: 'a.example', paths: ['/x'] }], 'intercept 1'],
    ['methods', [{ host: '*.example', methods: ['GET'] }], 'intercept 1'],
    ['headers', [{ host: 'a.example', set: { A: 'b' } }], 'intercept 1'],
    [
      'a prohibition of some, and the rest is allowed',
      [{ host: '*', paths: ['/x'], deny: true }, { host: '*' }],
      'intercept 2',
    ],
    ['a prohibition of some, and nothing else', [{ host: '*', paths: ['/x'], deny: true }], '-'],
    [
      'a prohibition of some, then of all',
      [
        { host: '*', paths: ['/x'], deny: true },
        { host: '*', deny: true },
      ],
      '-2',
    ],
    [
      'a prohibition of some before passthrough',
      [
        { host: '*', paths: ['/x'], deny: true },
        { host: '*', passthrough: true },
      ],
      'intercept 2',
    ],
    [
      'some, and then passthrough',
      [
        { host: 'a.example', paths: ['/x'] },
        { host: '*', passthrough: true },
      ],
      'intercept 1',
    ],
    [
      'passthrough first',
      [
        { host: '*', passthrough: true },
        { host: 'a.example', paths: ['/x'] },
      ],
      'passthrough 1',
    ],
    ['as a whole first', [{ host: '*' }, { host: 'a.example', set: { A: 'b' } }], 'tls-or-http 1'],
    ['some of another host', [{ host: 'b.example', paths: ['/x'] }, { host: 'a.example' }], 'tls-or-http 2'],
  ])('%s', (_, rules, expected) => {
    expect(admission(client(...rules), 'a.example', 443)).toBe(expected);
  });
});

describe('an explanation', () => {
  const of = client(
    { host: 'b.example' },
    { host: 'a.example', ports: [8080] },
    { host: 'a.example', methods: ['GET'] },
    { host: '*', paths: ['/x/*'] },
    { host: '*.example', ports: [80] },
  );

  it('says of each earlier rule why it did not match', () => {
    const { verdict: found, passedOver } = explain(of, request('POST', 'http://a.example/y'));
    expect(found).toMatchObject({ allowed: true, rule: { number: 5 } });
    expect(passedOver.map(({ rule: { number }, difference }) => `${number} ${difference}`)).toEqual([
      '1 host',
      '2 port',
      '3 method',
      '4 path',
    ]);
  });

  it.each([
    ['POST', 'https://a.example/y', 4],
    ['POST', 'https://c.example/y', 4],
  ])('of a denial of %s %s has the rule that comes nearest', (method, url, number) => {
    const explanation = explain(of, request(method, url));
    expect(explanation.verdict.allowed).toBe(false);
    expect(nearestMiss(explanation)?.rule.number).toBe(number);
  });

  it('has none where no rule comes near', () => {
    expect(
      nearestMiss(explain(client({ host: 'b.example' }), request('GET', 'http://a.example/'))),
    ).toBeUndefined();
  });
});

/** A model that anybody can check by eye: every rule, one after the other. */
function slowly(rules: readonly Written[], method: string, url: string): string {
  const { hostname, port, pathname, protocol } = new URL(url);
  const asked = Number(port) || (protocol === 'http:' ? 80 : 443);
  for (const [at, { host: pattern, ports, methods, paths, deny = false, passthrough }] of rules.entries()) {
    const isAddress = /^[\d.]+$/.test(hostname);
    const hosts =
      pattern === '*'
        ? !isAddress || deny
        : pattern.startsWith('*.')
          ? hostname.endsWith(pattern.slice(1))
          : pattern.endsWith('.0/24')
            ? isAddress && hostname.startsWith(pattern.slice(0, -4))
            : hostname === pattern;
    if (!hosts) continue;
    if (!(ports ?? (passthrough === true ? [443] : [80, 443])).includes(asked)) continue;
    if (methods !== undefined && !methods.includes(method)) continue;
    if (
      paths !== undefined &&
      !paths.some((path) => new RegExp(`^${path.replace(/\*+$/, '.*')}$`).test(pathname))
    )
      continue;
    return `${deny ? '-' : '+'}${at + 1}`;
  }
  return '-';
}

const HOSTS = [
  'a.example',
  'b.example',
  'x.a.example',
  'y.x.a.example',
  'example',
  '10.0.0.1',
  '10.0.1.1',
] as const;
const PATTERNS = [
  ...HOSTS,
  '*',
  '*.example',
  '*.a.example',
  '*.x.a.example',
  '10.0.0.0/24',
  '10.0.1.0/24',
] as const;
const PATHS = ['/', '/a', '/a/b', '/b/c/d'] as const;

test('verdicts are those of the slow model', { timeout: 60_000 }, () => {
  const random = seeded(2);
  const seen = new Set<string>();
  for (let set = 0; set < 300; set += 1) {
    const rules = Array.from({ length: random.below(30) }, () => randomRule(random));
    const compiled = compileClient(definition('c', rules));
    for (let i = 0; i < 60; i += 1) {
      const method = random.pick(['GET', 'POST']);
      const url = `${random.pick(['http', 'https'])}://${random.pick(HOSTS)}${random.pick(['', ':81'])}${random.pick(PATHS)}`;
      const found = verdict(compiled, method, url);
      seen.add(found);
      if (found !== slowly(rules, method, url))
        expect([rules, method, url, found]).toEqual([rules, method, url, slowly(rules, method, url)]);
      // What no request could change is denied before, and nothing else is.
      const { hostname, port, protocol } = new URL(url);
      const early = admission(compiled, hostname, Number(port) || (protocol === 'http:' ? 80 : 443));
      if (found.startsWith('+')) expect(early).not.toMatch(/^-/);
      if (/^(?:passthrough|tls)/.test(early)) expect(found).toBe(`+${early.split(' ')[1]}`);
    }
  }
  expect(seen.size).toBeGreaterThan(30);
});

function randomRule(random: Random): Written {
  return {
    host: random.pick(PATTERNS),
    ...(random.below(3) === 0 && { ports: random.pick([[80], [443], [81], [80, 81, 80]]) }),
    ...(random.below(3) === 0 && { methods: random.pick([['GET'], ['POST'], ['GET', 'POST']]) }),
    ...(random.below(3) === 0 && { paths: random.pick([['/'], ['/a'], ['/a/*'], ['/b/**', '/a']]) }),
    ...(random.below(4) === 0 && { deny: true }),
  };
}
