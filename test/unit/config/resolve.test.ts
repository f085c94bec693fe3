import { describe, expect, it } from 'vitest';
import { getentLookup, type Lookup } from '../../../src/config/lookup.ts';
import { resolveServices } from '../../../src/config/resolve.ts';
import { CommandError, MissingToolError } from '../../../src/errors.ts';
import type { Service } from '../../../src/model/service.ts';
import { type Run, runProgram } from '../../../src/system/run.ts';

function service(remoteAddr: string, servicePort = 80): Service {
  return { servicePort, remoteAddr, remotePort: servicePort + 1000, networks: [], line: 1 };
}

function endpoint(address: string, servicePort = 80) {
  return { servicePort, upstream: { address, port: servicePort + 1000 } };
}

const unexpected: Lookup = (name) => Promise.reject(new Error(`asked for ${name}`));

describe('resolveServices', () => {
  it('asks nobody for addresses', async () => {
    const services = [service('10.0.0.1'), service('127.0.0.1', 81)];
    expect(await resolveServices(services, { lookup: unexpected })).toEqual({
      endpoints: [endpoint('10.0.0.1'), endpoint('127.0.0.1', 81)],
      failures: [],
    });
  });

  it('asks for each name once and keeps the order', async () => {
    const asked: string[] = [];
    const lookup: Lookup = async (name) => {
      asked.push(name);
      return name === 'a' ? '10.0.0.1' : '10.0.0.2';
    };
    const services = [service('b', 1), service('a', 2), service('10.9.9.9', 3), service('b', 4)];
    expect((await resolveServices(services, { lookup })).endpoints).toEqual([
      endpoint('10.0.0.2', 1),
      endpoint('10.0.0.1', 2),
      endpoint('10.9.9.9', 3),
      endpoint('10.0.0.2', 4),
    ]);
    expect(asked.toSorted()).toEqual(['a', 'b']);
  });

  it('writes options as the comment of the endpoint', async () => {
    const services = [{ ...service('10.0.0.1'), options: { guestRate: 7, proxyProtocol: 'v2' } } as const];
    expect((await resolveServices(services, { lookup: unexpected })).endpoints).toEqual([
      { ...endpoint('10.0.0.1'), comment: 'proxy=v2 guest-rate=7' },
    ]);
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
  ])('with %s as the answer harms only that service', async (_what, answer, reason) => {
    const lookup: Lookup = (name, timeoutMs) =>
      name === 'bad' ? answer(name, timeoutMs) : Promise.resolve('10.0.0.1');
    const { endpoints, failures } = await resolveServices([service('bad'), service('good', 81)], { lookup });
    expect(endpoints).toEqual([endpoint('10.0.0.1', 81)]);
    expect(failures).toEqual([{ service: service('bad'), reason: expect.stringContaining(reason) }]);
  });

  it('waits for all names together no longer than the time it has', async () => {
    const silent: Lookup = (name) => (name === 'good' ? Promise.resolve('10.0.0.1') : new Promise(() => {}));
    const services = ['x', 'y', 'good', 'z'].map((name, index) => service(name, index + 1));
    const before = performance.now();
    const { endpoints, failures } = await resolveServices(services, { lookup: silent, timeoutMs: 60 });
    expect(performance.now() - before).toBeLessThan(1000);
    expect(endpoints).toEqual([endpoint('10.0.0.1', 3)]);
    expect(failures.map(({ reason }) => reason)).toEqual(
      ['x', 'y', 'z'].map((name) => `${name}: no answer within 0.06 s`),
    );
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

  it.each<[string, boolean]>([
    ['ENOTFOUND', true],
    ['EAI_AGAIN', false],
    ['', false],
  ])('tells by %j whether the host does not exist', async (code, unknown) => {
    const run: Run = async (program) => {
      if (program === 'getent') throw new CommandError(`${command}: exit 2`, { command, status: 2 });
      return { stdout: `${code}\n`, stderr: '' };
    };
    const { failures } = await resolveServices([service('onegate')], { lookup: getentLookup(run) });
    expect(failures.map((failure) => failure.unknown === true)).toEqual([unknown]);
    expect(failures[0]?.reason).toMatch(/^onegate: no such host/);
  });

  it('understands the getent of this host', async () => {
    await expect(getentLookup(runProgram)('localhost', 5000)).resolves.toMatch(/^127\./);
    await expect(getentLookup(runProgram)('no-such-host.invalid', 5000)).rejects.toThrow(
      'no-such-host.invalid: ',
    );
  });
});
