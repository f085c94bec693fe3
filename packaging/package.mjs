// `npm run package [-- --out DIRECTORY] [--no-build]`: builds the tree and makes tproxy_<version>_all.deb,
// tproxy-node_<version>_all.deb and tproxy-<version>.tar.gz in dist/. The same commit makes the same bytes, wherever and whenever it is built.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { debianPackage } from './debian.mjs';
import { frontEndFiles, hypervisorFiles } from './files.mjs';
import { ROOT, sourceDate } from './source.mjs';
import { tarball } from './tarball.mjs';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const { values } = parseArgs({
  options: { out: { type: 'string', default: join(ROOT, 'dist') }, 'no-build': { type: 'boolean' } },
});
if (!values['no-build']) execFileSync(process.execPath, ['build.mjs'], { cwd: ROOT, stdio: 'inherit' });

process.umask(0o022);
const scratch = mkdtempSync(join(tmpdir(), 'tproxy-package-'));
try {
  const context = { version, date: sourceDate(), out: resolve(values.out) };
  const made = [
    debianPackage('tproxy', { ...context, tree: join(scratch, 'tproxy'), fill: frontEndFiles }),
    debianPackage('tproxy-node', { ...context, tree: join(scratch, 'tproxy-node'), fill: hypervisorFiles }),
    tarball({ ...context, scratch }),
  ];
  for (const file of made) console.log(file);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
