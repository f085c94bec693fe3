import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copy, namesIn, write } from './files.mjs';
import { licences } from './licences.mjs';
import { ROOT } from './source.mjs';

const MAINTAINER = 'tproxy maintainers <tproxy@localhost>';

/** Makes `<name>_<version>_all.deb` in `out` from packaging/debian/<name>/ and what `fill` puts into `tree`; its path. */
export function debianPackage(name, { version, date, out, tree, fill }) {
  const source = join(ROOT, 'packaging/debian', name);
  mkdirSync(tree, { recursive: true });
  fill(tree);
  const docs = join(tree, 'usr/share/doc', name);
  write(join(docs, 'copyright'), licences(name === 'tproxy'));
  write(join(docs, 'changelog'), changelog(name, version, date));
  compress([join(docs, 'changelog'), join(tree, 'usr/share/man/man8/tproxy.8')]);
  if (existsSync(join(source, 'lintian-overrides')))
    copy(join(source, 'lintian-overrides'), join(tree, 'usr/share/lintian/overrides', name));

  const control = join(tree, 'DEBIAN');
  mkdirSync(control);
  for (const file of namesIn(source).filter((file) => file !== 'lintian-overrides' && file !== 'control')) {
    copy(join(source, file), join(control, file), file === 'conffiles' ? 0o644 : 0o755);
  }
  writeFileSync(join(control, 'md5sums'), checksums(tree));
  writeFileSync(join(control, 'control'), controlText(join(source, 'control'), version, tree));
  normalise(tree);
  const file = join(out, `${name}_${version}_all.deb`);
  // The date goes for the archive's members; files that are newer get it too.
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(date) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return file;
}

function controlText(template, version, tree) {
  const kib = execFileSync('du', ['-sk', '--apparent-size', '--exclude=DEBIAN', tree], { encoding: 'utf8' });
  return readFileSync(template, 'utf8')
    .replaceAll('@VERSION@', version)
    .replaceAll('@MAINTAINER@', MAINTAINER)
    .replaceAll('@SIZE@', kib.split('\t')[0] ?? '0');
}

function changelog(name, version, date) {
  const when = new Date(date * 1000).toUTCString().replace('GMT', '+0000');
  return `${name} (${version}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- ${MAINTAINER}  ${when}
`;
}

function checksums(tree) {
  const script = 'find . -type f ! -path "./DEBIAN/*" -printf "%P\\0" | LC_ALL=C sort -z | xargs -0r md5sum';
  return execFileSync('bash', ['-c', script], { cwd: tree, encoding: 'utf8' });
}

function compress(files) {
  for (const file of files.filter((one) => existsSync(one))) execFileSync('gzip', ['-9n', file]);
}

/** Modes that do not depend on the umask of the checkout. */
function normalise(tree) {
  execFileSync('find', [tree, '-type', 'd', '-exec', 'chmod', '755', '{}', '+']);
  execFileSync('find', [tree, '-type', 'f', '-perm', '/111', '-exec', 'chmod', '755', '{}', '+']);
  execFileSync('find', [
    tree,
    '-type',
    'f',
    '!',
    '-perm',
    '/111',
    '-perm',
    '/222',
    '-exec',
    'chmod',
    '644',
    '{}',
    '+',
  ]);
  chmodSync(tree, 0o755);
}
