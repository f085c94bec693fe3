import { describe, expect, test } from 'vitest';
import { judge as judgeFile } from '../../../../src/config/load.ts';
import { parseConfig } from '../../../../src/config/parse.ts';
import {
  judgeConfiguration,
  judgeDisk,
  judgeLog,
  judgeRoot,
} from '../../../../src/doctor/host/judge-host.ts';
import { examineLinks, examineSystemCalls, judgeNftAbility } from '../../../../src/doctor/host/kernel.ts';
import { examineTool, judgeNode, versionIn } from '../../../../src/doctor/host/tools.ts';
import { CommandError, MissingToolError } from '../../../../src/errors.ts';
import type { Run } from '../../../../src/system/run.ts';

const failing =
  (stderr: string, status = 1): Run =>
  async (command) => {
    throw new CommandError(`${command}: ${stderr}`, { command, status, stderr });
  };
const printing =
  (stdout: string, stderr = ''): Run =>
  async () => ({ stdout, stderr });

test('root', () => {
  expect(judgeRoot(0).verdict).toBe('ok');
  expect(judgeRoot(1000)).toEqual({
    verdict: 'failed',
    seen: 'you are not root',
    remedy: 'run it with sudo: sudo tproxy doctor',
  });
});

test.each([
  ['v20.11.1', 'ok', '20.11.1'],
  ['v24.0.0', 'ok', '24.0.0'],
  ['v18.19.0', 'failed', '/usr/bin/node is v18.19.0'],
])('node %s: %s', (version, verdict, seen) => {
  expect(judgeNode(version, '/usr/bin/node')).toMatchObject({ verdict, seen });
});

test.each([
  ['nftables v1.0.6 (Lester Gooch #5)\n', '1.0.6'],
  ['ip utility, iproute2-6.1.0, libbpf 1.1.0\n', '6.1.0'],
  ['setpriv from util-linux 2.38.1\n', '2.38.1'],
  ['GNU bash, version 5.2.15(1)-release\nCopyright\n', '5.2.15'],
  ['odd\n', 'odd'],
])('version in %j', (text, version) => {
  expect(versionIn(text)).toBe(version);
});

describe('a tool', () => {
  test('is there', async () => {
    expect(await examineTool('nft', printing('', 'nftables v1.0.6'))).toEqual({
      verdict: 'ok',
      seen: '1.0.6',
    });
  });
  test('is missing', async () => {
    const missing: Run = async () => {
      throw new MissingToolError('nft', 'x');
    };
    expect(await examineTool('nft', missing)).toEqual({
      verdict: 'failed',
      seen: 'not found',
      remedy: 'install the package nftables',
    });
  });
  test('hangs', async () => {
    const hanging: Run = async (command) => {
      throw new CommandError('nft --version: no answer within 4 s', { command });
    };
    expect(await examineTool('nft', hanging)).toMatchObject({
      verdict: 'failed',
      seen: 'nft --version: no answer within 4 s',
      remedy: expect.stringContaining('see what it waits for'),
    });
  });
  test('does not start', async () => {
    const broken = failing('error while loading shared libraries: libnftables.so.1', 127);
    expect(await examineTool('nft', broken)).toMatchObject({
      verdict: 'failed',
      remedy: 'install the package nftables again',
    });
  });
});

describe('kernel', () => {
  test('nftables with and without meta ibrname', () => {
    expect(judgeNftAbility({ ibrname: true, lacks: new Set() })).toEqual({
      verdict: 'ok',
      seen: 'bridge family with meta ibrname',
    });
    expect(judgeNftAbility({ ibrname: false, lacks: new Set() })).toMatchObject({
      verdict: 'ok',
      seen: expect.stringContaining('set of veth ports'),
    });
  });
  test('an nft that can not carry everything', () => {
    expect(judgeNftAbility({ ibrname: true, lacks: new Set(['ARP in SNAP', 'police']) })).toEqual({
      verdict: 'warning',
      seen: "this nft can't write or list all rules, so these are left out: ARP in SNAP, police",
      remedy: 'install nftables 1.0.6 or newer, then run tproxy apply',
    });
  });
  test('links that can not be made', async () => {
    expect((await examineLinks(printing(''))).verdict).toBe('ok');
    expect(await examineLinks(failing('Error: Unknown device type.'))).toMatchObject({
      verdict: 'failed',
      remedy: 'load or build the modules: modprobe -a bridge veth',
    });
    expect(await examineLinks(failing('something else'))).toMatchObject({ verdict: 'failed' });
  });
  test('system calls of this machine', async () => {
    expect(await examineSystemCalls()).toEqual({ verdict: 'ok', seen: 'splice and native library' });
  });
});

describe('configuration', () => {
  const loaded = (text: string) => judgeFile('x.conf', parseConfig(text));
  const judge = (text: string) => judgeConfiguration(loaded(text));
  const missing = judgeConfiguration({ ...loaded(''), state: 'missing' });
  const ENTRY = '- :service_port: 80\n  :remote_addr: 10.0.0.1\n  :remote_port: 80\n';
  test.each<[string, ReturnType<typeof judge>, object]>([
    ['without fault', judge(`:tproxy:\n${ENTRY}`), { verdict: 'ok', seen: 'x.conf: 1 service' }],
    ['missing', missing, { verdict: 'ok', seen: 'there is no x.conf: no services' }],
    [
      'with an error',
      judge(`:tproxy_debug_level: 9\n:tproxy:\n${ENTRY}`),
      {
        verdict: 'failed',
        seen: expect.stringMatching(/^x\.conf:1:\d+: error: /),
        remedy: 'correct it: tproxy check x.conf',
      },
    ],
    [
      'with many',
      judge(`:tproxy:\n${'- :a: 1\n'.repeat(9)}`),
      { verdict: 'failed', seen: expect.stringMatching(/\n\d+ more$/) },
    ],
    ['with a warning', judge(`:tproxy:\n${ENTRY}${ENTRY}`), { verdict: 'warning' }],
    ['no YAML', judge('a: [\n'), { verdict: 'failed' }],
  ])('%s', (_name, finding, expected) => {
    expect(finding).toMatchObject(expected);
  });
});

test.each([
  [2 ** 30, 100, 'ok', '1024 MB free'],
  [30 * 2 ** 20, 100, 'warning', '30 MB free'],
  [1000, 100, 'failed', '0 MB free'],
  [2 ** 30, 0, 'failed', 'no inode is free'],
])('%i bytes and %i inodes free: %s', (bytes, files, verdict, seen) => {
  expect(judgeDisk('/var/log', bytes, files)).toMatchObject({ verdict, seen });
});

describe('log', () => {
  const NOW = 1_000_000_000;
  const line = (level: number, ageMs: number, msg: string, reason?: string): string =>
    `${JSON.stringify({ level, time: NOW - ageMs, msg, reason })}\n`;
  test.each<[string, string, object]>([
    ['empty', '', { verdict: 'ok' }],
    [
      'with other things',
      `no JSON\n[]\n"x"\n${line(30, 0, 'listener starts')}${line(40, 0, 'odd')}`,
      { verdict: 'ok' },
    ],
    [
      'with an old error',
      line(50, 700_000, 'old'),
      { verdict: 'ok', seen: 'no error in the last 10 minutes' },
    ],
    [
      'with errors',
      line(50, 5000, 'first') + line(60, 1000, 'last', 'because'),
      {
        verdict: 'warning',
        seen: '2 errors in the last 10 minutes, the last one: last: because',
        remedy: 'read x.log',
      },
    ],
  ])('%s', (_name, text, finding) => {
    expect(judgeLog('x.log', text, NOW, 600_000)).toMatchObject(finding);
  });
});
