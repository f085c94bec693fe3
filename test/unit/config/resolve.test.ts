import { describe, expect, it } from 'vitest';
import { getentLookup, type Lookup } from '../../../src/config/lookup.ts';
import { resolveNames } from '../../../src/config/resolve.ts';
import { CommandError, MissingToolError } from '../../../src/errors.ts';
import { type Run, runProgram } from '../../../src/system/run.ts';

describe('resolveNames', () => {
  it('asks for each name once', async () => {
    const asked: string[] = [];
    const lookup: Lookup = async (name) => {
      asked.push(name);
      return name === 'a' ? '10.0.0.1' : '10.0.0.2';
    };
    expect([...(await resolveNames(['b', 'a', 'b'], { lookup }))]).toEqual([
      ['b', { address: '10.0.0.2' }],
      ['a', { address: '10.0.0.1' }],
    ]);
    expect(asked.toSorted()).toEqual(['a', 'b']);
  });

  it.each<[string, Lookup, string]>([
    ['an error', () => Promise.reject(new Error('bad: no such host')), 'bad: no such host'],
    [
      'something that is thrown',
      () => {
        throw new Error('thrown');
      },
      'thrown',
    ],
    [
      'the address that guests dial',
      async () => '169.254.16.9',
      'bad: resolves to 169.254.16.9, the address that guests dial',
    ],
    ['no address', async () => '0.0.0.0', 'bad: resolves to 0.0.0.0'],
    ['IPv6', async () => '::1', 'bad: resolves to ::1, which is no IPv4 address'],
    ['nothing', async () => '', 'which is no IPv4 address'],
  ])('with %s as the answer harms only that name', async (_what, answer, reason) => {
    const lookup: Lookup = (name, timeoutMs) =>
      name === 'bad' ? answer(name, timeoutMs) : Promise.resolve('10.0.0.1');
    const resolved = await resolveNames(['bad', 'good'], { lookup });
    expect(resolved.get('good')).toEqual({ address: '10.0.0.1' });
    expect(resolved.get('bad')).toEqual({ reason: expect.stringContaining(reason) });
  });

  it('waits for all names together no longer than the time it has', async () => {
    const silent: Lookup = (name) => (name === 'good' ? Promise.resolve('10.0.0.1') : new Promise(() => {}));
    const before = performance.now();
    const resolved = await resolveNames(['x', 'y', 'good', 'z'], { lookup: silent, timeoutMs: 60 });
    expect(performance.now() - before).toBeLessThan(1000);
    expect(resolved.get('good')).toEqual({ address: '10.0.0.1' });
    for (const name of ['x', 'y', 'z'])
      expect(resolved.get(name)).toEqual({ reason: `${name}: no answer within 0.06 s` });
  });
});

describe('getentLookup', () => {
  const command = 'getent ahostsv4 onegate';

  it('takes the first address', async () => {
    const calls: unknown[] = [];
    const run: Run = async (...call) => {
      calls.push(call);
      return {
        stdout: '10.0.0.1      STREAM onegate\n10.0.0.1      DGRAM\n10.0.0.2      STREAM\n',
        stderr: '',
      };
    };
    expect(await getentLookup(run)('onegate', 1234)).toBe('10.0.0.1');
    expect(calls).toEqual([['getent', ['ahostsv4', 'onegate'], { timeoutMs: 1234 }]]);
  });

  it.each<[string, Run, string]>([
    [
      'not found',
      () => Promise.reject(new CommandError(`${command}: exit 2`, { command, status: 2 })),
      'onegate: no such host',
    ],
    ['no output', async () => ({ stdout: '', stderr: '' }), 'onegate: no such host'],
    [
      'a timeout',
      () => Promise.reject(new CommandError(`${command}: no answer within 2 s`, { command })),
      'no answer within 2 s',
    ],
    [
      'no getent',
      () => Promise.reject(new MissingToolError('getent', 'install it')),
      'getent: not found; install it',
    ],
  ])('rejects on %s', async (_what, run, message) => {
    await expect(getentLookup(run)('onegate', 1)).rejects.toThrow(message);
  });

  it.each<[string, { unknown?: true }]>([
    ['ENOTFOUND', { unknown: true }],
    ['EAI_AGAIN', {}],
    ['', {}],
  ])('tells by %j whether the host does not exist', async (code, unknown) => {
    const run: Run = async (program) => {
      if (program === 'getent') throw new CommandError(`${command}: exit 2`, { command, status: 2 });
      return { stdout: `${code}\n`, stderr: '' };
    };
    for (const name of ['onegate', 'onegate.']) {
      const resolved = await resolveNames([name], { lookup: getentLookup(run) });
      const reason = expect.stringMatching(/^onegate\.?: no such host/);
      const remedy = expect.any(String);
      expect(resolved.get(name)).toEqual({ reason, remedy, ...unknown });
    }
  });

  it('takes the address that a second look finds', async () => {
    const run: Run = async (program) => {
      if (program === 'getent') throw new CommandError(`${command}: exit 2`, { command, status: 2 });
      return { stdout: '10.0.0.1\n', stderr: '' };
    };
    expect(await getentLookup(run)('onegate', 1)).toBe('10.0.0.1');
  });

  it('asks /etc/hosts, which has no dots at the end, for a name without it, and then DNS for the name as it is', async () => {
    const calls: unknown[] = [];
    const run =
      (hosts: string): Run =>
      async (program, args) => {
        calls.push([program, ...args]);
        if (args[0] === '-s' && hosts === '') throw new CommandError(command, { command, status: 2 });
        return { stdout: args[0] === '-s' ? hosts : '10.0.0.2  STREAM\n', stderr: '' };
      };
    expect(await getentLookup(run('10.0.0.1  STREAM\n'))('onegate.', 1)).toBe('10.0.0.1');
    expect(await getentLookup(run(''))('onegate.', 1)).toBe('10.0.0.2');
    const files = ['getent', '-s', 'hosts:files', 'ahostsv4', 'onegate'];
    expect(calls).toEqual([files, files, ['getent', 'ahostsv4', 'onegate.']]);
  });

  it('understands the getent of this host', async () => {
    await expect(getentLookup(runProgram)('localhost', 5000)).resolves.toMatch(/^127\./);
    await expect(getentLookup(runProgram)('localhost.', 5000)).resolves.toMatch(/^127\./);
    await expect(getentLookup(runProgram)('no-such-host.invalid', 5000)).rejects.toThrow(
      'no-such-host.invalid: ',
    );
  });
});
