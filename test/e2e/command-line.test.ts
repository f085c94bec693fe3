import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Hypervisor } from '../support/hypervisor.ts';
import { Sandbox } from '../support/sandbox.ts';

const COMMANDS = [
  'log',
  'top',
  'metrics',
  'start',
  'stop',
  'restart',
  'reload',
  'status',
  'check',
  'apply',
  'plan',
  'up',
  'down',
];

let box: Sandbox;
let hypervisor: Hypervisor;

beforeAll(async () => {
  box = await Sandbox.create();
  hypervisor = await Hypervisor.install(box, ':tproxy: []\n');
});

afterAll(async () => {
  await box.close();
});

describe('help and version', () => {
  test('--help names every command', async () => {
    const { status, stdout, stderr } = await hypervisor.tproxy('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  test.each(COMMANDS)('%s --help explains it and does nothing', async (command) => {
    const { status, stdout } = await hypervisor.tproxy(command, '--help');
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: tproxy ${command}`);
  });

  test('--version is a version and a commit', async () => {
    const { status, stdout } = await hypervisor.tproxy('--version');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+ \(([0-9a-f]{7,}\+?|commit unknown)\)\n$/);
  });
});

test.each([
  ['a word of the command line', ['st\x1b[2Jatus']],
  ['the name of a bridge', ['log', '--bridge', 'br\x1b[2J']],
])('%s that would drive a terminal is quoted so that it does not', async (_what, args) => {
  const { status, stderr } = await hypervisor.tproxy(...args);
  expect(status).toBe(2);
  expect(stderr).toContain('\\x1b[2J');
  expect(stderr).not.toContain('\x1b');
});

test('an old Node is told from ours', async () => {
  await box.sh(`
    mkdir -p /run/test/old
    echo "Object.defineProperty(process, 'versions', { value: { node: '18.19.0' } })" >/run/test/old/old.cjs
    printf '#!/bin/sh\\nexec ${process.execPath} --require /run/test/old/old.cjs "$@"\\n' >/run/test/old/node
    chmod 755 /run/test/old/node
  `);
  const { status, stderr } = await box.run(['/var/tmp/one/vnm/tproxy', 'status'], {
    env: { PATH: `/run/test/old:${process.env.PATH}` },
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^ERROR: tproxy needs Node.js 20 or newer; .+\n$/);
});

test('without a node it says so, and where it has looked', async () => {
  await box.sh('mkdir -p /run/test/none');
  const executable = '/var/tmp/one/vnm/tproxy';
  const { status, stderr } = await box.run(['env', 'PATH=/run/test/none', '/bin/sh', executable, 'status']);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'ERROR: there is no node in PATH (/run/test/none); install Node.js 20 or newer there\n',
  });
});

test.each([
  { where: 'node is', path: process.env.PATH ?? '', status: 3 },
  { where: 'there is no node', path: '/nowhere', status: 1 },
])(
  'functions that the caller has exported are not what a shell runs, where $where',
  async ({ path, status }) => {
    // On other systems sh is bash, which takes them from the environment.
    await box.sh('ln -sf "$(command -v bash)" /run/test/sh');
    const words = ['command', 'echo', 'exec', 'exit', 'unset', 'node', 'env', ':'];
    const functions = words.map((word) => [`BASH_FUNC_${word}%%`, `() { printf 'taken: ${word}'; }`]);
    const command = ['env', `PATH=${path}`, '/run/test/sh', '/var/tmp/one/vnm/tproxy', 'status'];
    const result = await box.run(command, { env: Object.fromEntries(functions) });
    expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: '' });
  },
);

test('a path with odd characters in it has its configuration beside it', async () => {
  const odd = '/var/tmp/50% of #1?/vnm';
  await box.sh(`mkdir -p '${odd}'; cp -a /var/tmp/one/vnm/. '${odd}/'`);
  const { status, stderr } = await box.run([`${odd}/tproxy`, 'check']);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringContaining('/var/tmp/50% of #1?/etc/vnm/OpenNebulaNetwork.conf: no such file'),
  });
});

describe('exit codes', () => {
  test.each([
    { args: [], status: 2, stderr: 'Usage: tproxy' },
    { args: ['begin'], status: 2, stderr: "unknown command 'begin'" },
    { args: ['start', 'br0'], status: 2, stderr: 'too many arguments' },
    { args: ['status', '--quickly'], status: 2, stderr: "unknown option '--quickly'" },
    { args: ['up', '--network', 'net'], status: 2, stderr: 'need --bridge' },
    { args: ['up', '--bridge', 'no/bridge'], status: 2, stderr: 'not a valid bridge name' },
    { args: ['up', '--bridge', 'absent0', '--network', 'net'], status: 1, stderr: 'absent0' },
    { args: ['check', '/no/such/file'], status: 2, stderr: '/no/such/file: no such file' },
    { args: ['status'], status: 3, stderr: '' },
    { args: ['stop'], status: 0, stderr: '' },
    { args: ['start'], status: 0, stderr: '' },
    { args: ['reload'], status: 0, stderr: '' },
    { args: ['restart'], status: 0, stderr: '' },
  ])('tproxy $args ends with $status', async ({ args, status, stderr }) => {
    const result = await hypervisor.tproxy(...args);
    expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: '' });
    if (stderr === '') expect(result.stderr).toBe('');
    else expect(result.stderr).toContain(stderr);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  });

  test('reload with endpoints and nothing running says what to do', async () => {
    await box.sh('nft add table ip one_tproxy');
    await box.sh("nft 'add map ip one_tproxy ep_br0 { type inet_service : ipv4_addr . inet_service; }'");
    await box.sh("nft 'add element ip one_tproxy ep_br0 { 5030 : 127.0.0.1 . 1 }'");
    try {
      const { status, stderr } = await hypervisor.tproxy('reload');
      expect(status).toBe(3);
      expect(stderr).toContain('run tproxy start');
    } finally {
      await box.sh('nft delete table ip one_tproxy');
    }
  });

  test.each(['start', 'stop', 'status', 'up'])('%s needs root and says so', async (command) => {
    const executable = '/var/tmp/one/vnm/tproxy';
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', executable, command];
    const { status, stderr } = await box.run(nobody);
    expect(status).toBe(1);
    expect(stderr).toContain('needs root');
  });

  test('a missing tool is named, with the package that has it', async () => {
    const command = ['env', 'PATH=/nowhere', process.execPath, '/var/tmp/one/vnm/tproxy', 'start'];
    const { status, stderr } = await box.run(command);
    expect(status).toBe(1);
    expect(stderr).toContain('nft: not found; install the package nftables');
  });
});
