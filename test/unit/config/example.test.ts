import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { formatProblem } from '../../../src/config/reader/problem.ts';
import { knownKeys, withReference } from '../../../src/config/reference.ts';
import { DEFAULT_LIMITS, DEFAULT_POLICING } from '../../../src/model/limits.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';

const root = new URL('../../../', import.meta.url);
const example = readFileSync(new URL('etc/OpenNebulaNetwork.conf', root), 'utf8');
const manual = readFileSync(new URL('docs/configuration.md', root), 'utf8');

describe('etc/OpenNebulaNetwork.conf', () => {
  it('has no problem and shows the defaults', () => {
    const { config, problems } = parseConfig(example);
    const { services, policing, settings } = config;
    expect(problems).toEqual([]);
    expect(policing).toEqual(DEFAULT_POLICING);
    expect(settings).toEqual(DEFAULT_SETTINGS);
    expect(services).toMatchObject([
      { servicePort: 5030, networks: [] },
      { networks: ['staging', '14'] },
      { options: { proxyProtocol: 'v2', guestConnections: 50, guestRate: 10 } },
    ]);
  });

  it('has no problem either when what is commented out is taken in', () => {
    const all = example.replaceAll(/^# (?=( {4})?:)/gm, '');
    const { config, problems } = parseConfig(all);
    expect(problems).toEqual([]);
    expect(config.settings.processOwner).toBe('oneadmin');
    expect(config.settings.metricsListen).toBe('127.0.0.1:9516');
    expect(config.settings.limits).toEqual(DEFAULT_LIMITS);
    expect(config.policing).toEqual(DEFAULT_POLICING);
  });

  it('explains every key there is, and no other', () => {
    const ours = example.slice(example.indexOf('# Transparent proxies'));
    const explained = [...ours.matchAll(/:([a-z]\w*):/g)].map(([, key]) => key);
    expect(new Set(explained)).toEqual(new Set(knownKeys()));
  });
});

describe('docs/configuration.md', () => {
  it('is what `npm run docs` makes of it', () => {
    expect(manual).toBe(withReference(manual));
  });

  it.each(knownKeys())('has :%s: in it', (key) => {
    expect(manual).toContain(`:${key}:`);
  });

  it('shows messages as they are', () => {
    const text = `:keep_empty_bridge: false

:tproxy_drain_timeot: 3
:tproxy:
- :service_port: 5030
  :remote_addr: http://10.11.12.13
  :remote_port: 5030

- :service_port: 80
  :remote_addr: 10.11.12.14
  :network: lan
`;
    const lines = parseConfig(text).problems.map((problem) =>
      formatProblem(problem, 'OpenNebulaNetwork.conf'),
    );
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(manual).toContain(`\n${line}\n`);
  });
});

it('the example for OneKS has no fault, and what OneKS demands', () => {
  const text = readFileSync(new URL('../../../etc/oneks.conf', import.meta.url), 'utf8');
  const { config, problems } = parseConfig(text);
  expect(problems).toEqual([]);
  expect(config.services.map(({ servicePort, remotePort }) => [servicePort, remotePort])).toEqual([
    [5030, 5030],
    [2633, 2633],
  ]);
  const manual = readFileSync(new URL('../../../docs/opennebula.md', import.meta.url), 'utf8');
  const shown = /```yaml\n([\s\S]*?)```/.exec(manual)?.[1] ?? '';
  expect(parseConfig(shown).config.services.map(({ servicePort }) => servicePort)).toEqual([5030, 2633]);
});

it.each([
  ['', false, []],
  [':tproxy_required: true', true, []],
  [':tproxy_required: false', false, []],
  [':tproxy_required: maybe', false, ['f:1:1: error: :tproxy_required: is "maybe"; write true or false']],
])('with %j services are required: %j', (text, required, faults) => {
  const { config, problems } = parseConfig(text);
  expect(config.required).toBe(required);
  expect(problems.map((problem) => formatProblem(problem, 'f'))).toEqual(faults);
});

it('in a file that is no YAML the line about what is required counts all the same', () => {
  expect(parseConfig(':tproxy: [\n:tproxy_required: true # for all\n').config.required).toBe(true);
  expect(parseConfig(':tproxy: [\n# :tproxy_required: true\n').config.required).toBe(false);
});
