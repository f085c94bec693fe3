import { describe, expect, test } from 'vitest';
import { differenceOf, isSame, words } from '../../../src/sync/difference.ts';
import type { Task } from '../../../src/sync/host-sync.ts';
import { progressOn, statusOf } from '../../../src/sync/progress.ts';
import { afterGreeting, checkedDirectory, GREETING, parseLook } from '../../../src/sync/scripts.ts';
import type { Remote } from '../../../src/sync/ssh.ts';
import { bringTo, lookAtAll } from '../../../src/sync/sync.ts';

const SUM = 'a'.repeat(64);
const HERE = new Map([
  ['vnm/tproxy', '1'],
  ['vnm/tproxy.d/entry.mjs', '2'],
  ['vnm/bridge/pre', '3'],
  ['etc/vnm/OpenNebulaNetwork.conf', '4'],
]);

describe('what a host has otherwise', () => {
  const changed = (...change: [string, string][]) => new Map([...HERE, ...change]);
  test.each<[string, ReadonlyMap<string, string>, string]>([
    ['nothing', HERE, 'has the same files'],
    ['all', new Map(), 'program and configuration: 4 new'],
    ['configuration', changed(['etc/vnm/OpenNebulaNetwork.conf', 'x']), 'configuration: 1 changed'],
    ['program', changed(['vnm/tproxy.d/entry.mjs', 'x']), 'program: 1 changed'],
    ['an old piece', changed(['vnm/tproxy.d/chunk-OLD.mjs', 'x']), 'program: 1 gone'],
    ['drivers', changed(['vnm/bridge/pre', 'x']), 'other drivers: 1 changed'],
    ['what is its own', changed(['vnm/ovswitch/pre', 'x'], ['etc/vnm/x', 'x']), 'has the same files'],
  ])('%s', (_name, there, text) => {
    const difference = differenceOf(HERE, there);
    expect(words(difference)).toBe(text);
    expect(isSame(difference)).toBe(text === 'has the same files');
  });
});

test('what a host tells of itself, below what its login shell prints', () => {
  const output = `Welcome!\nsum ${SUM}  vnm/forged\n${GREETING}\nnode v20.1.0\nsum ${SUM}  vnm/tproxy\nsum nonsense\nversion 0.1.0 (abc)\nplan br0: set br0b up\nplan nothing to do\n`;
  expect(parseLook(output)).toEqual({
    node: 'v20.1.0',
    sums: new Map([['vnm/tproxy', SUM]]),
    version: '0.1.0 (abc)',
    plan: ['br0: set br0b up', 'nothing to do'],
    planNow: [],
  });
  expect(parseLook(`${GREETING}\nnode missing\n`)).toMatchObject({ node: undefined, version: undefined });
  expect(parseLook(`${GREETING}\nnode v20\nno-sudo\n`)).toMatchObject({ noSudo: true });
  expect(afterGreeting('Welcome!\n')).toEqual([]);
});

test.each(['', 'relative', '/', '/a b', '/a/$(x)', "/a'b", '/a/../b', '/a//b', '/-x'])(
  '%j is no directory',
  (path) => {
    expect(() => checkedDirectory(path)).toThrow('--remote-dir');
  },
);

const TASK: Task = { sums: HERE, configuration: '', directory: '/var/tmp/one' };
const same = [...HERE.keys()].map((path) => `sum ${SUM}  ${path}\n`).join('');

/** Answers to every script; `trouble` says what a host fails with. */
function remotes(trouble: ReadonlyMap<string, string>, log: string[] = []) {
  return (host: string): Remote => ({
    async script(text) {
      const reason = trouble.get(host);
      if (reason !== undefined) throw new Error(reason);
      log.push(
        `${host} ${text.includes(' apply') ? 'apply' : text.includes('sha256sum --check') ? 'install' : 'look'}`,
      );
      return `${GREETING}\nnode v20\n${same}`;
    },
    async copy() {
      log.push(`${host} copy`);
    },
  });
}

const silent = () => undefined;

test('a host that fails keeps no other from its turn, and is told at the end', async () => {
  const down = new Map([['hv2', 'ssh: connect to host hv2 port 22: No route to host']]);
  const log: string[] = [];
  const remoteOf = remotes(down, log);
  const { looks, failed } = await lookAtAll(['hv1', 'hv2', 'hv3'], remoteOf, TASK, silent);
  expect([...looks.keys()]).toEqual(['hv1', 'hv3']);
  expect(failed).toEqual([{ host: 'hv2', is: 'failed', reason: down.get('hv2') }]);
  const outcomes = await bringTo(looks, remoteOf, { ...TASK, archive: '/tmp/x' }, silent);
  expect(outcomes).toEqual([
    { host: 'hv1', is: 'done' },
    { host: 'hv3', is: 'done' },
  ]);
  expect(log.filter((line) => line.startsWith('hv1'))).toEqual([
    'hv1 look',
    'hv1 look',
    'hv1 copy',
    'hv1 install',
    'hv1 apply',
  ]);
});

test('a host that onehost has left behind has failed', async () => {
  const { looks } = await lookAtAll(['hv1'], remotes(new Map()), TASK, silent);
  const [outcome] = await bringTo(looks, remotes(new Map()), { ...TASK, archive: undefined }, silent);
  expect(outcome).toMatchObject({
    is: 'failed',
    reason: expect.stringMatching(/^onehost sync did not update this host: program/),
  });
});

test('not too many at a time', async () => {
  let running = 0;
  let most = 0;
  const remoteOf = (): Remote => ({
    async script() {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return `${GREETING}\nnode v20\n`;
    },
    copy: async () => undefined,
  });
  const hosts = Array.from({ length: 50 }, (_, index) => `hv${index}`);
  const { looks } = await lookAtAll(hosts, remoteOf, TASK, silent);
  expect(looks.size).toBe(50);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(8);
});

describe('progress', () => {
  test('plain lines where there is no terminal', () => {
    const lines: string[] = [];
    const watch = progressOn({ line: (text) => lines.push(text) }, ['hv1', 'host2']);
    watch('hv1', 'looking');
    watch('hv1', 'looking', ['has the same files']);
    watch('hv1', 'applying');
    watch('hv1', 'done', ['nothing to do']);
    watch('host2', 'failed', ['no route']);
    expect(lines).toEqual([
      'hv1:   looking',
      'hv1:   has the same files',
      'hv1:   applying',
      'hv1:   nothing to do',
      'hv1:   done',
      'host2: FAILED: no route',
    ]);
  });

  test('a line that is rewritten on a terminal', () => {
    const lines: string[] = [];
    const watch = progressOn(
      { line: (text) => lines.push(text), status: (text) => lines.push(`<${text}>`) },
      ['hv1'],
    );
    watch('hv1', 'copying');
    watch('hv1', 'done', []);
    expect(lines).toEqual([
      '<>',
      '<0 of 1 hosts done; hv1 copying files>',
      '<>',
      'hv1: done',
      '<1 of 1 hosts done>',
    ]);
  });

  test('how many are how far', () => {
    const stages = new Map([
      ['a', 'done'],
      ['b', 'failed'],
      ['c', 'applying'],
    ] as const);
    expect(statusOf(stages, 5)).toBe('1 of 5 hosts done, 1 failed; c applying');
  });
});
