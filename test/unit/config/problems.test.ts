import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { formatProblem } from '../../../src/config/reader/problem.ts';
import { MAX_CONFIG_BYTES } from '../../../src/config/reader/read-yaml.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';

function lines(text: string): readonly string[] {
  return parseConfig(text).problems.map((problem) => formatProblem(problem, 'f'));
}

/** An entry that is faultless but for what `fields` changes; undefined leaves a key out. */
function entry(fields: Record<string, string | undefined>): string {
  const all = { service_port: '5030', remote_addr: '10.0.0.1', remote_port: '5030', ...fields };
  const written = Object.entries(all).flatMap(([key, value]) =>
    value === undefined ? [] : [`  :${key}: ${value}`],
  );
  return `:tproxy:\n-\n${written.join('\n')}\n`;
}

describe('all problems at once', () => {
  it('names every fault of a file with its place, in order', () => {
    const file = new URL('../../fixtures/config/every-error.conf', import.meta.url);
    const parsed = parseConfig(readFileSync(file, 'utf8'));
    expect(parsed.problems.map((problem) => formatProblem(problem, 'f'))).toEqual([
      'f:6:1: error: :tproxy_debug_level: is "4", which is no debug level; write 0 (errors), 1 (warnings), 2 (information) or 3 (debugging)',
      'f:7:1: error: unknown key ":tproxy_drain_timeot:"; did you mean :tproxy_drain_timeout:?',
      'f:8:1: error: :tproxy_keepalive: is "-1", which is no time in seconds; write a whole number from 0 to 32767',
      'f:9:1: error: :tproxy_process_owner: is root, who may do everything on the host; write the name of an unprivileged user, or leave the key out',
      'f:11:3: error: :service_port: of entry 1 is "0", which is no TCP port; write a whole number from 1 to 65535',
      'f:12:3: error: :remote_addr: of entry 1 is "10.0.0.256", which is no correct IPv4 address; write four numbers up to 255',
      'f:13:3: error: :remote_port: of entry 1 is "65536", which is no TCP port; write a whole number from 1 to 65535',
      'f:15:3: error: unknown key ":remote_adr:" of entry 2; did you mean :remote_addr:?',
      'f:18:3: error: :service_port: of entry 3 stands twice, first in line 17; keep one of the two; with and without the leading colon it is the same key',
      'f:22:3: error: :remote_addr: of entry 4 is "fd00::1", which is IPv6; upstreams are reached over IPv4 only; write an IPv4 address such as 10.11.12.13 or a host name',
      'f:24:20: error: :networks: of entry 4 holds an empty name; list names or ids of virtual networks, or leave :networks: out for every network',
      'f:24:23: error: :networks: of entry 4 holds the truth value true; put a name like that in quotes',
      'f:24:29: error: :networks: of entry 4 holds something that is a mapping; list names or ids of virtual networks, or leave :networks: out for every network',
      'f:25:3: error: entry 5 of :tproxy: is "just text"; write :service_port:, :remote_addr: and :remote_port: below each other',
      'f:26:2: error: entry 6 of :tproxy: has no value; write :service_port:, :remote_addr: and :remote_port: below each other',
      'f:30:3: warning: entry 8 is never used: entry 7 in line 27 has service port 5030 there and comes first; if that is not meant, change :service_port: or :networks: of one of them',
    ]);
    const { services, policing, settings } = parsed.config;
    expect(policing).toBeUndefined();
    expect(settings).toEqual(DEFAULT_SETTINGS);
    expect(services.map(({ line }) => line)).toEqual([27, 30]);
    expect(parsed.readable).toBe(true);
  });

  it('shows no more than a screenful of a flood', () => {
    const { problems } = parseConfig(`:tproxy:\n${'- x\n'.repeat(3000)}`);
    expect(problems).toHaveLength(1001);
    expect(problems.at(-1)).toMatchObject({ line: 1002, message: '2000 more problems are not shown' });
  });
});

describe('an entry', () => {
  it.each([
    ['service_port', undefined, 'is missing'],
    ['service_port', '', 'has no value'],
    ['service_port', '0', 'is "0", which is no TCP port'],
    ['service_port', '65536', 'is "65536", which is no TCP port'],
    ['service_port', '-1', 'is "-1", which is no TCP port'],
    ['service_port', '80.5', 'is "80.5", which is no TCP port'],
    ['service_port', '80.0', 'is "80.0", which is no TCP port'],
    ['service_port', '0x50', 'is "0x50", which is no TCP port'],
    ['service_port', '010', 'is "010", which is no TCP port'],
    ['service_port', '1e3', 'is "1e3", which is no TCP port'],
    ['service_port', '" 80"', 'is " 80", which is no TCP port'],
    ['service_port', 'http', 'is "http", which is no TCP port'],
    ['service_port', 'true', 'is true, which is no TCP port'],
    ['service_port', '[80]', 'is a list, which is no TCP port'],
    ['remote_port', '{a: 1}', 'is a mapping, which is no TCP port'],
    ['remote_addr', undefined, 'is missing'],
    ['remote_addr', '', 'has no value'],
    ['remote_addr', '""', 'is ""'],
    ['remote_addr', '[10.0.0.1]', 'is a list'],
    ['networks', '""', 'holds an empty name'],
    ['networks', '" "', 'holds an empty name'],
    ['networks', 'false', 'holds the truth value false'],
    ['networks', '{a: 1}', 'holds something that is a mapping'],
    ['networks', '[[a]]', 'holds something that is a list'],
  ])('with :%s: %s %s', (key, value, message) => {
    const text = entry({ [key]: value });
    const { config, problems } = parseConfig(text);
    expect(problems).toMatchObject([{ severity: 'error', key, message: `:${key}: of entry 1 ${message}` }]);
    expect(config.services).toEqual([]);
    const line = text.split('\n').findIndex((one) => one.includes(`:${key}:`)) + 1;
    expect(problems[0]?.line).toBe(value === undefined ? 3 : line);
  });

  it.each([
    ['remote_adress', ':remote_addr:'],
    ['Service_Port', ':service_port:'],
    ['network', ':networks:'],
    ['addr', ':service_port: :remote_addr: :remote_port: :networks: :proxy_protocol: :limits:'],
    ['__proto__', ':service_port: :remote_addr: :remote_port: :networks: :proxy_protocol: :limits:'],
    ['x'.repeat(500), ':service_port: :remote_addr: :remote_port: :networks: :proxy_protocol: :limits:'],
  ])('with the unknown key %s is told of %s', (key, known) => {
    const { config, problems } = parseConfig(entry({ [key]: '1' }));
    expect(problems).toMatchObject([{ severity: 'error', key, line: 6 }]);
    expect(problems[0]?.remedy).toContain(known);
    expect(config.services).toEqual([]);
  });

  it.each([
    ['a misspelt key', { remote_addr: undefined, remote_adr: '10.0.0.1' }, [':remote_addr:?']],
    [
      'two misspelt keys',
      { service_port: undefined, remote_port: undefined, servce_port: '1', remote_prt: '2' },
      [':service_port:?', ':remote_port:?'],
    ],
    [
      'a key misspelt twice',
      { remote_addr: undefined, remote_adr: 'a', remote_add: 'b' },
      [':remote_addr:?', ':remote_addr:?'],
    ],
    // What is near is there, so something else is missing.
    ['a key too many', { remote_addr: undefined, remote_ports: '1' }, ['host name', ':remote_port:?']],
    ['an unknown key', { remote_addr: undefined, colour: 'red' }, ['host name', ':limits:']],
  ])('with %s has one problem for each slip', (_, fields, remedies) => {
    const { problems } = parseConfig(entry(fields));
    expect(problems.map(({ remedy }) => remedy)).toEqual(
      remedies.map((end) => expect.stringMatching(new RegExp(`${end.replace('?', '\\?')}$`))),
    );
  });

  it('that is faulty leaves the others alone', () => {
    const text = `${entry({ remote_addr: '0.0.0.0' })}${entry({ service_port: '81' }).replace(':tproxy:\n', '')}`;
    expect(parseConfig(text).config.services.map((service) => service.servicePort)).toEqual([81]);
  });

  it('shows values on one line and not at full length', () => {
    const [line] = lines(entry({ remote_addr: `"a\\nb${'c'.repeat(500)}"` }));
    expect(line).toContain('is "a\\nbccc');
    expect(line?.length).toBeLessThan(250);
  });
});

describe(':networks: as one text', () => {
  it.each([
    ['a, b', '[a, b]', '["a, b"]'],
    ['"a,b"', '[a, b]', '["a,b"]'],
    ['14, 15,', '[14, 15]', '["14, 15,"]'],
  ])('%s is pointed out', (written, list, one) => {
    const { config, problems } = parseConfig(entry({ networks: written }));
    const text = written.replaceAll('"', '');
    expect(problems).toMatchObject([
      {
        severity: 'error',
        line: 6,
        key: 'networks',
        message: `:networks: of entry 1 is "${text}", which is the name of one network`,
        remedy: `write a list: ${list}; or ${one} if it is meant as one`,
      },
    ]);
    expect(config.services).toEqual([]);
  });
});

describe('top level keys', () => {
  it.each([
    [':tproxys: 1', 'unknown key ":tproxys:"', 'did you mean :tproxy:?'],
    [':tproxy_debuglevel: 1', 'unknown key ":tproxy_debuglevel:"', 'did you mean :tproxy_debug_level:?'],
    [':tproxy: {a: 1}', ':tproxy: is a mapping and no list of services', 'begin each service with a dash'],
    [':tproxy: text', ':tproxy: is "text" and no list of services', 'begin each service with a dash'],
    [':tproxy_connect_timeout: 0', 'is "0", which is no time in seconds', 'from 1 to 604800'],
    [':tproxy_idle_timeout: 1.5', 'is "1.5", which is no time in seconds', 'from 0 to 604800'],
    [':tproxy_idle_timeout: 604801', 'is "604801"', 'from 0 to 604800'],
    [':tproxy_keepalive: 32768', 'is "32768"', 'from 0 to 32767'],
    [':tproxy_workers: 0', 'is "0", which is no number of threads', 'from 1 to 64'],
    [':tproxy_debug_level: debug', 'is "debug", which is no debug level', '2 (information)'],
    [':tproxy_debug_level: [2]', 'is a list, which is no debug level', '2 (information)'],
    [':tproxy_process_owner: a b', 'is "a b", which is no user name', 'unprivileged user'],
    [':tproxy_process_owner: -v', 'is "-v", which is no user name', 'unprivileged user'],
    [':tproxy_process_owner: 0', 'is "0", which is no user name', 'unprivileged user'],
    [':tproxy_metrics_listen: 9516', 'is "9516", which is no address and port', 'write 127.0.0.1:9516'],
    [':tproxy_metrics_listen: [a]', 'is a list', 'write 127.0.0.1:9516'],
  ])('%s', (text, message, remedy) => {
    const { config, problems, readable } = parseConfig(`# one\n${text}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ severity: 'error', line: 2 });
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.remedy).toContain(remedy);
    expect(config).toMatchObject({ settings: DEFAULT_SETTINGS, services: [] });
    expect(readable).toBe(true);
  });

  it('that stand twice in two spellings are an error, and the first counts', () => {
    const text = ':tproxy_keepalive: 1\ntproxy_keepalive: 2\n';
    expect(parseConfig(text)).toMatchObject({
      config: { settings: { keepaliveS: 1 } },
      problems: [{ line: 2, key: 'tproxy_keepalive' }],
    });
  });
});

describe('a file that can not be read as a whole', () => {
  it.each([
    ['a tab as indentation', ':tproxy:\n\t- a\n', 2, 'broken YAML'],
    ['an open list', ':a: 1\n:b: [1\n', 3, 'broken YAML'],
    ['an open quote', ':a: "x\n', 2, 'broken YAML'],
    ['a key without a blank', ':a: 1\n:b 2\n', 2, 'broken YAML'],
    ['a value that goes on wrongly', ':a: b: c\n', 1, 'broken YAML'],
    ['two documents', ':a: 1\n---\n:b: 1\n', 2, 'broken YAML'],
    ['a list', '- a\n', 1, 'no mapping'],
    ['text', 'hello\n', 1, 'no mapping'],
    ['too many bytes', `# ${'x'.repeat(MAX_CONFIG_BYTES)}\n`, 1, 'more than 1 MiB'],
    [
      'too many bytes in few characters',
      `# ${'\u{1F600}'.repeat(MAX_CONFIG_BYTES / 4)}\n`,
      1,
      'more than 1 MiB',
    ],
    ['a mapping merged into itself', ':tproxy:\n- &a\n  <<: *a\n', 1, 'merge keys nested too deep'],
    ['deep nesting', `:a: ${'['.repeat(20_000)}`, 1, ''],
  ])('%s', (_what, text, line, message) => {
    const parsed = parseConfig(text);
    expect(parsed.readable).toBe(false);
    expect(parsed.config).toEqual({
      settings: DEFAULT_SETTINGS,
      services: [],
      policing: undefined,
      required: false,
    });
    expect(parsed.problems[0]).toMatchObject({ severity: 'error', line });
    expect(parsed.problems[0]?.message).toContain(message);
    expect(parsed.problems[0]?.remedy).not.toBe('');
  });
});

describe('the same service port twice', () => {
  const service = ([port, networks, address = '10.0.0.1']: Line) =>
    `- {service_port: ${port}, remote_addr: ${address}, remote_port: 1, networks: ${networks}}\n`;
  type Line = readonly [number, string, string?];

  it.each<[string, readonly Line[], readonly string[]]>([
    [
      'other ports',
      [
        [1, '~'],
        [2, '~'],
      ],
      [],
    ],
    [
      'other networks',
      [
        [1, 'a'],
        [1, '[b, c]'],
      ],
      [],
    ],
    [
      'every network twice',
      [
        [1, '~'],
        [1, '~'],
      ],
      ['entry 2 is never used: entry 1 in line 2'],
    ],
    [
      'every network, then one',
      [
        [1, '[]'],
        [1, 'a'],
      ],
      ['entry 2 is never used: entry 1 in line 2'],
    ],
    [
      'one, then every network',
      [
        [1, 'a'],
        [1, '~'],
      ],
      ['entry 2 is not used in the networks of entry 1: entry 1 in line 2'],
    ],
    [
      'the same one',
      [
        [1, 'a'],
        [1, '"a"'],
      ],
      ['entry 2 is never used: entry 1 in line 2'],
    ],
    [
      'one of two',
      [
        [1, '[a, b]'],
        [1, '[b, c]'],
      ],
      ['entry 2 is not used in b: entry 1 in line 2'],
    ],
    [
      'three times the same',
      [
        [1, 'a'],
        [1, 'a'],
        [1, 'a'],
      ],
      ['entry 2 is never used: entry 1 in line 2', 'entry 3 is never used: entry 1 in line 2'],
    ],
    [
      'a third like the second',
      [
        [1, 'a'],
        [1, 'b'],
        [1, 'b'],
      ],
      ['entry 3 is never used: entry 2 in line 3'],
    ],
    [
      'number and text',
      [
        [1, '7'],
        [1, '"7"'],
      ],
      ['entry 2 is never used: entry 1 in line 2'],
    ],
    [
      'the first of them with a name, which may not exist',
      [
        [1, '~', 'onegate'],
        [1, '~'],
        [1, '~', 'other'],
      ],
      [
        'entry 2 is used only while there is no host onegate: entry 1 in line 2',
        'entry 3 is never used: entry 2 in line 3',
      ],
    ],
    [
      'some networks, below entries with a name and without',
      [
        [1, '~', 'onegate'],
        [1, 'a'],
        [1, '[a, b]'],
        [1, '[b, c]'],
        [1, '[c, d]', 'other'],
      ],
      [
        'entry 2 is used only while there is no host onegate: entry 1 in line 2',
        'entry 3 is not used in a: entry 2 in line 3',
        'entry 4 is not used in b: entry 3 in line 4',
        'entry 5 is not used in c: entry 4 in line 5',
      ],
    ],
    [
      'every network, below one with a name',
      [
        [1, 'a', 'onegate'],
        [1, '~'],
      ],
      ['entry 2 is used in the networks of entry 1 only while there is no host onegate: entry 1 in line 2'],
    ],
  ])('%s', (_what, services, expected) => {
    const { config, problems } = parseConfig(`:tproxy:\n${services.map(service).join('')}`);
    expect(problems.map((problem) => problem.severity)).toEqual(expected.map(() => 'warning'));
    for (const [index, start] of expected.entries()) expect(problems[index]?.message).toContain(start);
    expect(config.services).toHaveLength(services.length);
  });
});

it('more services than anybody offers are cut off', { timeout: 60_000 }, () => {
  const { config, problems } = parseConfig(
    `tproxy:\n${'- {service_port: 1, remote_addr: a, remote_port: 1}\n'.repeat(10_001)}`,
  );
  expect(problems[0]).toMatchObject({ severity: 'error', line: 1 });
  expect(problems[0]?.message).toContain('10001 entries; the first 10000 count');
  expect(config.services).toHaveLength(10_000);
});
