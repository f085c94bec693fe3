import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);

export interface Bundle {
  /** The program, to be run with `node`. It lies outside of the repository, where any namespace of a test sees it. */
  readonly file: string;
  /** Beside it; for sockets of the test. */
  readonly directory: string;
  remove(): void;
}

/** Bundles a TypeScript file for a process or thread of its own, with koffi's binary beside it. */
export async function bundle(entry: URL): Promise<Bundle> {
  const directory = mkdtempSync(join(tmpdir(), 'tproxy-bundle-'));
  try {
    const file = join(directory, 'program.mjs');
    await build({
      entryPoints: [entry.pathname],
      outfile: file,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'warning',
    });
    for (const libc of ['linux', 'musl']) {
      const folder = `${libc}_${process.arch}`;
      const binary = require.resolve(`@koromix/koffi-linux-${process.arch}/${folder}/koffi.node`);
      mkdirSync(join(directory, 'native'), { recursive: true });
      cpSync(dirname(binary), join(directory, 'native', folder), { recursive: true });
    }
    return { file, directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}
