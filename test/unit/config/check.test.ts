import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check } from '../../../src/cli/commands/check.ts';

const GOOD = '- {service_port: 1, remote_addr: a, remote_port: 1}\n';
const BAD = '- {service_port: 0, remote_addr: a, remote_port: 1}\n';

let file = '';
beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'tproxy-check-')), 'OpenNebulaNetwork.conf');
});
afterAll(() => rm(join(file, '..'), { recursive: true }));

async function run(text: string) {
  await writeFile(file, text);
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    out: (line: string) => void out.push(line.replaceAll(file, 'f')),
    err: (line: string) => void err.push(line.replaceAll(file, 'f')),
    readStdin: () => Promise.reject(new Error('reads no standard input')),
  };
  return { exitCode: await check({ file }, io), out, err };
}

describe('tproxy check', () => {
  it.each([
    ['', 'f: ok, 0 services'],
    [`tproxy:\n${GOOD}`, 'f: ok, 1 service'],
    [`tproxy:\n${GOOD}${GOOD.replace('1', '2')}`, 'f: ok, 2 services'],
  ])('says on stdout that %j is fine', async (text, out) => {
    expect(await run(text)).toEqual({ exitCode: 0, out: [out], err: [] });
  });

  it('prints warnings and exits 0', async () => {
    const { exitCode, out, err } = await run(`tproxy:\n${GOOD}${GOOD}`);
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: ['f: ok, 2 services, 1 warning'] });
    expect(err).toEqual([
      expect.stringMatching(/^f:3:4: warning: entry 2 is used only while there is no host a: /),
    ]);
  });

  it('prints every error and exits 2', async () => {
    const { exitCode, out, err } = await run(`tproxy_x: 1\ntproxy:\n${BAD}${GOOD}${GOOD}`);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: [] });
    expect(err).toEqual([
      expect.stringMatching(/^f:1:1: error: unknown key/),
      expect.stringMatching(/^f:3:4: error: :service_port: of entry 1/),
      expect.stringMatching(/^f:5:4: warning: entry 3 is used only while there is no host a/),
      'f: 2 errors, 1 warning; 2 services without fault',
    ]);
  });

  it('exits 2 on broken YAML', async () => {
    const { exitCode, err } = await run('tproxy: [\n');
    expect(exitCode).toBe(2);
    expect(err[0]).toMatch(/^f:2:1: error: broken YAML: /);
  });

  it('fails on a file that is not there', async () => {
    const missing = check(
      { file: '/nowhere/x.conf' },
      { out: () => {}, err: () => {}, readStdin: async () => '' },
    );
    await expect(missing).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('/nowhere/x.conf: no such file; '),
    });
  });
});
