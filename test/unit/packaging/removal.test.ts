import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** The scripts by which tproxy-node goes, on a machine whose directories are all in a scratch one. */
const SCRIPTS = fileURLToPath(new URL('../../../packaging/debian/tproxy-node', import.meta.url));
const METRICS = '/var/lib/prometheus/node-exporter/tproxy.prom';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tproxy-removal-'));
  for (const file of [METRICS, '/run/systemd/system/x', '/bin/systemctl']) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
  }
  writeFileSync(join(root, METRICS), 'tproxy_up 1\n');
  const record = `#!/bin/sh\necho "$*" >>${root}/calls\n`;
  writeFileSync(join(root, 'bin/systemctl'), record, { mode: 0o755 });
});
afterEach(() => rmSync(root, { recursive: true }));

function run(script: 'prerm' | 'postrm', verb: string): void {
  const text = readFileSync(join(SCRIPTS, script), 'utf8').replaceAll(/ (?=\/(?:run|var)\/)/g, ` ${root}`);
  const { status, stderr } = spawnSync('sh', ['-c', text, script, verb], {
    encoding: 'utf8',
    env: { PATH: `${join(root, 'bin')}:${process.env.PATH}` },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
}

function calls(): string[] {
  return existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : [];
}

test('removal ends the timers and takes the metrics along; the daemons are not stopped', () => {
  run('prerm', 'remove');
  run('postrm', 'remove');
  expect(calls()).toEqual([
    '--quiet disable one-tproxy.service',
    '--quiet disable one-tproxy-firewall.service',
    '--quiet disable --now one-tproxy-metrics.timer',
    '--quiet disable --now one-tproxy-apply.timer',
    '--system daemon-reload',
  ]);
  expect(existsSync(join(root, METRICS))).toBe(false);
});

test('an upgrade leaves timer and metrics', () => {
  run('prerm', 'upgrade');
  run('postrm', 'upgrade');
  expect(calls()).toEqual([]);
  expect(existsSync(join(root, METRICS))).toBe(true);
});

test('without systemd there is nothing to disable', () => {
  rmSync(join(root, 'run/systemd'), { recursive: true });
  run('prerm', 'remove');
  run('postrm', 'remove');
  expect(calls()).toEqual([]);
  expect(existsSync(join(root, METRICS))).toBe(false);
});
