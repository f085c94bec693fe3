// `npm run docs`: writes the generated parts of docs/. A unit test fails when they are out of date.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './source.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'tproxy-docs-'));
try {
  const outfile = join(scratch, 'reference.cjs');
  const entryPoints = ['src/config/reference.ts'];
  await build({
    absWorkingDir: ROOT,
    entryPoints,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
  });
  const { withReference } = createRequire(import.meta.url)(outfile);
  const page = join(ROOT, 'docs/configuration.md');
  writeFileSync(page, withReference(readFileSync(page, 'utf8')));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
