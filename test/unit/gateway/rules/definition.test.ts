import { expect, it } from 'vitest';
import { parseRules } from '../../../../src/config/egress/rules-file.ts';
import { compileClient } from '../../../../src/gateway/rules/client.ts';
import { decide } from '../../../../src/gateway/rules/decide.ts';
import { definitionOf } from '../../../../src/gateway/rules/definition.ts';
import { parseTokenHash } from '../../../../src/gateway/rules/rule-set.ts';
import { request } from './make.ts';

const HASH = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const TEXT = `clients:
  web-1:
    token: sha256:${HASH}
    networks: [isolated]
    vms: [42]
    rules:
    - {host: archive.ubuntu.com, methods: [GET, HEAD], paths: [/ubuntu/*]}
    - {host: bücher.example, ports: [8080]}
    - host: "*"
      deny: true
`;

/** As it would come over a process border. */
const [client] = JSON.parse(JSON.stringify(parseRules(TEXT).clients));

it('has what the file says of a client', () => {
  expect(definitionOf(client, 'rules.yaml')).toMatchObject({
    name: 'web-1',
    source: { file: 'rules.yaml', line: 2 },
    tokenHash: parseTokenHash(`sha256:${HASH}`),
    networks: new Set(['isolated']),
    vms: new Set(['42']),
  });
});

it.each([
  ['GET', 'http://archive.ubuntu.com/ubuntu/dists', true, 7],
  ['PUT', 'http://archive.ubuntu.com/ubuntu/dists', false, 9],
  ['GET', 'http://xn--bcher-kva.example/', false, 9],
  ['GET', 'http://xn--bcher-kva.example:8080/', true, 8],
  ['GET', 'http://10.0.0.1/', false, 9],
])('judges %s %s by its rules', (method, url, allowed, line) => {
  const verdict = decide(compileClient(definitionOf(client, 'f')), request(method, url));
  expect(verdict).toMatchObject({ allowed, rule: { source: { file: 'f', line } } });
});

it('knows no client that the reader has not judged', () => {
  const forged = { ...client, rules: [{ ...client.rules[0], host: 'a b' }] };
  expect(() => definitionOf(forged, 'f')).toThrow('a pattern of the rule file is no host name');
});
