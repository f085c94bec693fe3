// Exits 0 when node_modules holds what package-lock.json asks for, 1 when `npm ci` has to run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.argv[2] ?? '.';

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

const wanted = packagesOf('package-lock.json') ?? {};
const installed = packagesOf('node_modules/.package-lock.json');
const stale =
  installed === undefined ||
  Object.entries(wanted).some(([path, { version, integrity, optional }]) => {
    if (path === '') return false;
    const there = installed[path];
    // Binaries for other machines are optional and stay away.
    if (there === undefined) return optional !== true;
    return there.version !== version || there.integrity !== integrity;
  });
process.exitCode = stale ? 1 : 0;
