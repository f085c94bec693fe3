import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Version of the program, as in the names of the packages. */
export const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
};

/** The packages of the tree that is built, in a folder of their own; `env` is added to the environment. */
export function makePackages(env: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'tproxy-test-'));
  execFileSync(process.execPath, ['packaging/package.mjs', '--no-build', '--out', folder], {
    cwd: ROOT,
    env: { ...process.env, ...env },
  });
  return folder;
}

export function removePackages(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
