import { describe, expect, test } from 'vitest';
import { CommandError, MissingToolError } from '../../../src/errors.ts';
import { hostsOfOpenNebula, namedHosts, parseHostPool } from '../../../src/sync/hosts.ts';
import { remedyFor } from '../../../src/sync/remedies.ts';
import { remoteOver } from '../../../src/sync/ssh.ts';
import type { Run } from '../../../src/system/run.ts';

describe('names of hosts', () => {
  test.each([['hv1'], ['hv-1.example.org'], ['10.0.0.7'], ['a'], ['HV_1']])('%s', (name) => {
    expect(namedHosts([name, name])).toEqual([name]);
  });

  test.each([
    [''],
    ['-oProxyCommand=touch /tmp/x'],
    ['a b'],
    ['a;b'],
    ['$(reboot)'],
    ['a\nb'],
    ['root@hv1'],
    ['hv1:22'],
    ['hv1/'],
    ['a..b'],
    ['hv1-'],
    ['x'.repeat(300)],
  ])('%j is none', (name) => {
    expect(() => namedHosts(['hv1', name])).toThrow('not a valid host name');
  });
});

const POOL = `<HOST_POOL>
  <HOST><ID>0</ID><NAME>hv1</NAME><STATE>2</STATE><TEMPLATE><ARCH><![CDATA[x86_64]]></ARCH></TEMPLATE></HOST>
  <HOST><ID>3</ID><NAME>hv2.example.org</NAME></HOST>
</HOST_POOL>`;

test('hosts of OpenNebula', async () => {
  expect(parseHostPool(POOL)).toEqual(['hv1', 'hv2.example.org']);
  expect(parseHostPool('<HOST_POOL></HOST_POOL>')).toEqual([]);
  expect(parseHostPool('<HOST_POOL/>')).toEqual([]);
  const run: Run = async (command, args) => ({ stdout: POOL, stderr: `${command} ${args.join(' ')}` });
  expect(await hostsOfOpenNebula(run)).toEqual(['hv1', 'hv2.example.org']);
  const none: Run = async () => {
    throw new MissingToolError('onehost', 'x');
  };
  await expect(hostsOfOpenNebula(none)).rejects.toMatchObject({
    message: expect.stringContaining('tproxy sync HOST…'),
    exitCode: 2,
  });
  const denied: Run = async () => {
    throw new CommandError('onehost list -x: no credentials', { command: 'onehost list -x', status: 255 });
  };
  await expect(hostsOfOpenNebula(denied)).rejects.toThrow(/no credentials$/);
  await expect(hostsOfOpenNebula(denied, true)).rejects.toThrow(
    '; run it as oneadmin: sudo -u oneadmin tproxy sync',
  );
  const talkative: Run = async () => ({ stdout: 'Connection refused', stderr: '' });
  await expect(hostsOfOpenNebula(talkative)).rejects.toThrow(
    /^what onehost list -x prints is no XML; run it by hand/,
  );
  const odd: Run = async () => ({ stdout: POOL.replace('hv1', '-x'), stderr: '' });
  await expect(hostsOfOpenNebula(odd)).rejects.toThrow('not a valid host name');
});

test.each([
  ['sudo: a password is required', 'install the package tproxy-node', 'install the package tproxy-node'],
  ['oneadmin@hv1: Permission denied (publickey).', 'authorized_keys', 'sudo -u oneadmin tproxy sync'],
  ['Host key verification failed.', 'known_hosts', 'sudo -u oneadmin tproxy sync'],
  ['ssh: Could not resolve hostname hv9: Name or service not known', '/etc/hosts', '/etc/hosts'],
  ['ssh: connect to host hv1 port 22: No route to host', 'start the host', 'start the host'],
])('%s has a remedy, for users and for root', (reason, forUser, forRoot) => {
  expect(remedyFor(reason, false)).toContain(forUser);
  expect(remedyFor(reason, true)).toContain(forRoot);
});

test('what says itself what to do has no remedy besides', () => {
  expect(remedyFor('node is missing; install Node 20 or newer there', true)).toBeUndefined();
});

describe('the way to a host', () => {
  const commands: string[][] = [];
  const recording: Run = async (command, args) => {
    commands.push([command, ...args]);
    return { stdout: '', stderr: '' };
  };

  test('asks nobody anything, gives up, and names the host where no option can stand', async () => {
    const remote = remoteOver(recording, 'hv1', '/etc/x');
    await remote.script('true', 1000);
    await remote.copy('/tmp/a', '/tmp/b');
    for (const command of commands) {
      expect(command.slice(0, 3)).toEqual([command[0], '-F', '/etc/x']);
      expect(command).toEqual(expect.arrayContaining(['BatchMode=yes', 'ConnectTimeout=10']));
    }
    expect(commands[0]?.slice(-3)).toEqual(['--', 'hv1', 'sh -s']);
    expect(commands[1]?.slice(-4)).toEqual(['-q', '--', '/tmp/a', 'hv1:/tmp/b']);
  });

  test.each([
    [
      255,
      "Warning: Permanently added 'x'\nlast login\nssh: connect to host hv1 port 22: No route to host\n",
      'ssh: connect to host hv1 port 22: No route to host',
    ],
    [1, 'ERROR: one\nERROR: two\n', 'ERROR: one; ERROR: two'],
    [1, 'sudo: no\nsudo: no\n', 'sudo: no'],
    [1, '', 'exit status 1'],
    [undefined, 'half a word', 'no answer within 60 s'],
  ])('what failed with status %s is told in few words', async (status, stderr, words) => {
    const command = 'ssh -- hv1 sh -s';
    const reason = status === undefined ? 'no answer within 60 s' : 'exit status 1';
    const failing: Run = async () => {
      throw new CommandError(`${command}: ${reason}`, { command, status, stderr });
    };
    await expect(remoteOver(failing, 'hv1', undefined).script('', 1)).rejects.toThrow(
      new RegExp(`^${words}$`),
    );
  });
});
