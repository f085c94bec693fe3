import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../../src/system/host.ts';
import { Sandbox } from '../../support/sandbox.ts';

let box: Sandbox;
let directory: string;

/** The real thing has to run inside the sandbox: it looks at the namespaces of its own process. */
beforeAll(async () => {
  box = await Sandbox.create();
  directory = mkdtempSync(join(tmpdir(), 'host-'));
  await build({
    stdin: {
      contents: `
        import { thisHost } from ${JSON.stringify(fileURLToPath(new URL('../../../src/system/host.ts', import.meta.url)))};
        const [method, ...args] = process.argv.slice(2);
        const answer = await thisHost[method](...args);
        console.log(JSON.stringify(answer instanceof Set ? [...answer] : answer));`,
      resolveDir: directory,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: join(directory, 'ask.mjs'),
  });
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await box.close();
});

async function ask(method: keyof Host, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await box.run([process.execPath, join(directory, 'ask.mjs'), method, ...args]);
  return JSON.parse(stdout);
}

test('device names are those of the namespace it runs in', async () => {
  await box.sh('ip link add onebr0.1234 type bridge; ip link add br-lan type bridge');
  expect(new Set((await ask('deviceNames')) as string[])).toEqual(new Set(['lo', 'onebr0.1234', 'br-lan']));
});

test.each([
  ['that is there', 'ip netns add x', 'present'],
  ['that is not there', 'true', 'missing'],
  ['whose file lost its namespace', 'ip netns add x; umount /run/netns/x', 'stale'],
  ['whose file never had one', 'mkdir -p /run/netns; touch /run/netns/x', 'stale'],
  [
    'that is the root namespace by mistake',
    'touch /run/netns/x; mount --bind /proc/self/ns/net /run/netns/x',
    'stale',
  ],
])('a netns %s', async (_, script, state) => {
  await box.sh(script);
  expect(await ask('netnsState', 'x')).toBe(state);
  await box.sh('umount /run/netns/x 2>/dev/null || true; rm -f /run/netns/x');
});

test('names of netns are none when there never was any', async () => {
  await box.sh('ip netns add y');
  expect(await ask('netnsNames')).toEqual(['y']);
  await box.sh(
    'ip netns delete y; umount /run/netns 2>/dev/null || true; rmdir /run/netns 2>/dev/null || true',
  );
  expect(await ask('netnsNames')).toEqual([]);
});

test('a host tells itself from another one on the same kernel, and time only goes forward', async () => {
  const other = await Sandbox.create();
  const { stdout } = await other.run([process.execPath, join(directory, 'ask.mjs'), 'identity']);
  await other.close();
  expect(await ask('identity')).toBe(await ask('identity'));
  expect(await ask('identity')).not.toBe(JSON.parse(stdout));
  const [first, second] = [await ask('now'), await ask('now')] as { bootId: string; uptimeS: number }[];
  expect(second?.bootId).toBe(first?.bootId);
  expect(second?.uptimeS).toBeGreaterThanOrEqual(first?.uptimeS ?? Infinity);
});
