import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Bridges that filter by VLANs, with Debian's kernel: the one that tests run on may not have them. */
const HERE = fileURLToPath(new URL('.', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/vm', import.meta.url));
const LONGEST_MS = 900_000;

let directory: string;
let console: string;
const results = new Map<string, unknown>();

beforeAll(async () => {
  directory = mkdtempSync('/tmp/tproxy-vlan-');
  const bundle = join(directory, 'program.mjs');
  await build({
    entryPoints: [`${HERE}vlan/program.ts`],
    outfile: bundle,
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  const image = join(directory, 'initramfs');
  await output('bash', [`${HERE}vlan/image.sh`, CACHE, bundle, image]);
  console = await output('timeout', [
    ...[`${LONGEST_MS / 1000}`, 'qemu-system-x86_64', '-machine', 'pc', '-cpu', 'max', '-accel', 'tcg'],
    ...['-m', '1024', '-no-reboot', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', `${CACHE}/vmlinuz`, '-initrd', image, '-append', 'console=ttyS0 quiet panic=-1'],
  ]);
  for (const [, name = '', value = ''] of console.replaceAll('\r', '').matchAll(/^RESULT (\S+) (.*)$/gm)) {
    results.set(name, JSON.parse(value));
  }
}, LONGEST_MS);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const take = (piece: Buffer): void => {
      text += piece.toString('utf8');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${command}: exit ${code}\n${text}`)),
    );
  });
}

test('the program came to its end, on a kernel of Debian', () => {
  expect(console).toContain('STATUS 0');
  expect(results.get('kernel')).toMatch(/-cloud-/);
});

const IN_10 = '10 PVID Egress Untagged';

test.each<[string, string, unknown]>([
  ['the port is where the guests are', 'up', { is: 'ready', servicePorts: [5030], changed: true }],
  ['with vlan_default_pvid 0', 'member', `br0b ${IN_10}`],
  ['and is reached', 'reached', true],
  ['and nothing is left to do', 'nothing-left', []],
  [
    'a membership that is lost is planned',
    'lost',
    [false, ['put br0b into VLAN 10 alone', expect.stringMatching(/^pin .* to br0b$/)]],
  ],
  ['and repaired', 'repaired', [`br0b ${IN_10}`, true, []]],
  ['and survives that the pair is made again', 'made-again', [`br0b ${IN_10}`, true]],
  ['a guest that speaks with the MAC of the service gets nothing', 'pinned', ['br0b', true]],
  ['a pin that is missing in the VLAN is planned', 'unpinned-plan', [expect.stringMatching(/^pin /)]],
  ['without it the guest would have the service', 'unpinned', 'one-6-0'],
  ['and it is repaired', 'pinned-again', ['br0b', true]],
  ['one VLAN more needs a pin', 'one-vlan-more', [expect.stringMatching(/^pin /)]],
  ['and gets it', 'one-vlan-more-pinned', 'br0b'],
  [
    'guests in several VLANs are refused',
    'several',
    expect.stringContaining('its guests are in different VLANs: one-7-0 in VLAN 10, one-9-0 in VLAN 20'),
  ],
  ['QinQ leaves nothing to do but the pin', 'qinq-plan', [expect.stringMatching(/^pin .* to br1b$/)]],
  [
    'QinQ: the service VLAN survives that the pair is made again',
    'qinq',
    ['br1b 100 PVID Egress Untagged', true],
  ],
  ['a dummy port is no guest', 'dummy', []],
])('%s', (_, name, value) => {
  expect({ [name]: results.get(name) }).toEqual({ [name]: value });
});
