import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { defaultConfigPath } from '../../../src/config/path.ts';
import { ConfigError } from '../../../src/errors.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tproxy-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('defaultConfigPath', () => {
  it.each([
    ['/var/tmp/one/vnm/tproxy', '/var/tmp/one/etc/vnm/OpenNebulaNetwork.conf'],
    ['/var/lib/one/remotes/vnm/tproxy', '/var/lib/one/remotes/etc/vnm/OpenNebulaNetwork.conf'],
    ['dist/remotes/vnm/tproxy', 'dist/remotes/etc/vnm/OpenNebulaNetwork.conf'],
  ])('of %s is %s', (executable, expected) => {
    expect(defaultConfigPath(executable)).toBe(expected);
  });
});

describe('loadConfig', () => {
  it('reads a file', async () => {
    const file = join(folder, 'good.conf');
    await writeFile(file, 'tproxy: [{service_port: 1, remote_addr: a, remote_port: 2}]\n');
    expect(await loadConfig(file)).toMatchObject({
      file,
      state: 'faultless',
      config: { services: [{ servicePort: 1, remoteAddr: 'a', remotePort: 2 }] },
      problems: [],
    });
  });

  it.each([
    ['faulty', 'tproxy_debug_level: 9\n'],
    ['unreadable', 'a: [\n'],
    // A service that another one hides is worth a warning, and no fault.
    [
      'faultless',
      'tproxy: [{service_port: 1, remote_addr: a, remote_port: 2}, {service_port: 1, remote_addr: a, remote_port: 2}]\n',
    ],
  ])('says that it is %s', async (state, text) => {
    const file = join(folder, `${state}.conf`);
    await writeFile(file, text);
    expect((await loadConfig(file)).state).toBe(state);
  });

  it('takes a missing file for no services, and for nothing about ports', async () => {
    const file = join(folder, 'missing.conf');
    expect(await loadConfig(file)).toMatchObject({
      file,
      state: 'missing',
      problems: [],
      config: { services: [], policing: undefined },
    });
  });

  it('tells of a file that is too large without reading all of it', async () => {
    const file = join(folder, 'large.conf');
    await writeFile(file, Buffer.alloc(20 * 1024 * 1024, '#'));
    const loaded = await loadConfig(file);
    expect(loaded).toMatchObject({ state: 'unreadable', config: { policing: undefined } });
    expect(loaded.problems[0]?.message).toContain('1 MiB');
  });

  it.each([
    ['a directory', () => folder, 'is a directory; give the path of a file'],
    ['a device', () => '/dev/null', 'is no regular file'],
    ['a path through a file', () => '/etc/passwd/x', "can't be read (ENOTDIR); check the path"],
    ['a name that is too long', () => join(folder, 'x'.repeat(300)), "can't be read (ENAMETOOLONG)"],
    ['a name with a NUL', () => `${folder}/\0`, "can't be read (ERR_INVALID_ARG_VALUE)"],
  ])('refuses %s and says what to do', async (_what, path, message) => {
    const loading = loadConfig(path());
    await expect(loading).rejects.toBeInstanceOf(ConfigError);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toMatchObject({ exitCode: 2 });
  });

  it('does not wait for the writer of a FIFO', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await expect(loadConfig(fifo)).rejects.toThrow('is no regular file');
  });
});
