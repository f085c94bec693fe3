// Makes dist/remotes/, complete in itself: its vnm/ copied over /var/tmp/one/vnm/ is a working installation.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = import.meta.dirname;
const DIST = join(ROOT, 'dist');
/** Built beside its place and moved there in one step: nobody ever meets half a tree. */
const FRESH = join(ROOT, `dist.${process.pid}`);
const OUT = join(FRESH, 'remotes/vnm');
const LIBRARY = join(OUT, 'tproxy.d');
const CACHE = join(ROOT, '.cache/koffi');
const ARCHITECTURES = ['x64', 'arm64'];

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));

/** Commit of a checkout, with a mark when it is not clean; a tree without git says so. */
function commit() {
  try {
    const git = (...args) =>
      execFileSync('git', ['-C', ROOT, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+';
    return ` (${git('rev-parse', '--short', 'HEAD')}${dirty})`;
  } catch {
    return ' (commit unknown)';
  }
}

/** Folder of koffi's binaries for one architecture. npm installs only that of this machine; others are fetched and checked. */
function koffiPackage(architecture) {
  const name = `@koromix/koffi-linux-${architecture}`;
  const installed = join(ROOT, 'node_modules', name);
  if (existsSync(installed)) return installed;
  const { version: wanted, integrity } = lock.packages[`node_modules/${name}`];
  const unpacked = join(CACHE, `${architecture}-${wanted}`);
  if (existsSync(unpacked)) return unpacked;
  mkdirSync(CACHE, { recursive: true });
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', `${name}@${wanted}`, '--json', '--pack-destination', CACHE], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  const archive = join(CACHE, packed.filename);
  const digest = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (digest !== integrity)
    throw new Error(`${name}@${wanted}: ${digest} fetched, ${integrity} in package-lock.json`);
  const partial = `${unpacked}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial);
  execFileSync('tar', ['-xzf', archive, '-C', partial, '--strip-components=1']);
  rmSync(archive);
  renameSync(partial, unpacked);
  return unpacked;
}

// A build that fails leaves nothing.
process.once('exit', () => rmSync(FRESH, { recursive: true, force: true }));
mkdirSync(LIBRARY, { recursive: true });

/** What all bundles have in common. CommonJS: it needs no loader of modules, and its compiled code can be kept (src/boot). */
const BUNDLE = {
  absWorkingDir: ROOT,
  outdir: LIBRARY,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // Names stay: errors and logs show those of classes. What is imported late is not initialised earlier.
  minifySyntax: true,
  minifyWhitespace: true,
  supported: { 'dynamic-import': false },
  legalComments: 'none',
  define: {
    TPROXY_VERSION: JSON.stringify(`${version}${commit()}`),
    // Code finds its neighbours (native/, dataplane.cjs) relative to the file it ended up in.
    'import.meta.url': '__fileUrl',
  },
  banner: { js: "'use strict';const __fileUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'warning',
};

await build({
  ...BUNDLE,
  entryPoints: {
    boot: 'src/boot/main.ts',
    entry: 'src/cli/entry.ts',
    forwarder: 'src/forwarder/main.ts',
    listener: 'src/listener/main.ts',
    dataplane: 'src/dataplane/main.ts',
    probe: 'src/doctor/way/probe-main.ts',
  },
});

for (const architecture of ARCHITECTURES) {
  const source = koffiPackage(architecture);
  for (const libc of ['linux', 'musl']) {
    const folder = `${libc}_${architecture}`;
    mkdirSync(join(LIBRARY, 'native', folder), { recursive: true });
    const addon = join(LIBRARY, 'native', folder, 'koffi.node');
    cpSync(join(source, folder, 'koffi.node'), addon);
    // npm and tar disagree about it; the same commit shall make the same tree.
    chmodSync(addon, 0o644);
  }
}

cpSync(join(ROOT, 'remotes/vnm'), OUT, { recursive: true });
execFileSync(process.execPath, [join(ROOT, 'remotes/hooks.mjs'), OUT]);
for (const script of ['launch-listener', 'together', 'watch', 'without-node']) {
  cpSync(join(ROOT, 'remotes', script), join(LIBRARY, script));
  chmodSync(join(LIBRARY, script), 0o755);
}
cpSync(join(ROOT, 'remotes/tproxy'), join(OUT, 'tproxy'));
chmodSync(join(OUT, 'tproxy'), 0o755);

const old = `${DIST}.old.${process.pid}`;
if (existsSync(DIST)) renameSync(DIST, old);
renameSync(FRESH, DIST);
rmSync(old, { recursive: true, force: true });
