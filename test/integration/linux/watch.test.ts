import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';

const WATCH = fileURLToPath(new URL('../../../remotes/watch', import.meta.url));
/** The watch's patience with a forwarder that has said something already (s). */
const PATIENCE_S = 6;

const folder = mkdtempSync(join(tmpdir(), 'watch-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the watch with this script in the place of node; resolves with its exit status and log. */
async function watch(name: string, script: string): Promise<{ status: number | undefined; log: string }> {
  const [node, log] = [join(folder, name), join(folder, `${name}.log`)];
  writeFileSync(node, `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  const { exitCode } = await execa('bash', [WATCH, '--restricted', node, log], {
    reject: false,
    timeout: 40_000,
    stdio: 'ignore',
  });
  return { status: exitCode, log: readFileSync(log, 'utf8') };
}

test.concurrent.each([
  ['needs long for its first word', `sleep ${PATIENCE_S + 2}; echo; exit 0`, 0, ''],
  [
    'falls silent after its first word',
    `echo; exec sleep ${PATIENCE_S + 20}`,
    137,
    'forwarder does not respond, killing it',
  ],
])('a forwarder that %s', async (what, script, status, logged) => {
  const found = await watch(what.replaceAll(' ', '-'), script);
  expect(found.status).toBe(status);
  expect(found.log).toContain(logged);
  expect(found.log.includes('does not respond')).toBe(logged !== '');
});

describe('the limit of descriptors', () => {
  /** How the watch, started with a hard limit of 4096, changes it: `ulimit` stands in for the shell's own. */
  async function asked(limit: string): Promise<string> {
    const [node, told] = [join(folder, `node-${limit}`), join(folder, `told-${limit}`)];
    writeFileSync(node, '#!/bin/bash\nexit 0\n', { mode: 0o755 });
    writeFileSync(told, '');
    await execa('bash', [WATCH, node, '/dev/null'], {
      timeout: 40_000,
      stdio: 'ignore',
      env: {
        TOLD: told,
        'BASH_FUNC_ulimit%%': `() { if [[ $1 == -Hn ]]; then echo ${limit}; else echo "$*" >>"$TOLD"; fi; }`,
      },
    });
    return readFileSync(told, 'utf8');
  }

  const most = Math.min(1_048_576, Number(readFileSync('/proc/sys/fs/nr_open', 'utf8')));
  test.each([
    ['4096', `-n ${most}\n`],
    [String(most), ''],
    ['2000000', ''],
    ['unlimited', ''],
  ])('%s: %j', async (limit, change) => {
    expect(await asked(limit)).toBe(change);
  });

  test('that it may not raise is no reason not to start', async () => {
    const [node, told] = [join(folder, 'node-limited'), join(folder, 'told-limited')];
    writeFileSync(node, `#!/bin/bash\nulimit -Hn >${told}\n`, { mode: 0o755 });
    const limited = ['--bounding-set=-sys_resource', 'prlimit', '--nofile=1024:4096'];
    await execa('setpriv', [...limited, 'bash', WATCH, node, '/dev/null'], {
      timeout: 40_000,
      stdio: 'ignore',
    });
    expect(readFileSync(told, 'utf8')).toBe('4096\n');
  });
});
