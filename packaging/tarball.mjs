import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { copy, documentation } from './files.mjs';
import { ROOT } from './source.mjs';

/** Makes `tproxy-<version>.tar.gz` in `out`: the built tree, etc, docs, and install.sh for systems without dpkg; its path. */
export function tarball({ version, date, out, scratch }) {
  const name = `tproxy-${version}`;
  const tree = join(scratch, name);
  copy(join(ROOT, 'dist/remotes'), join(tree, 'remotes'));
  for (const part of ['etc', 'docs', 'README.md', 'CHANGELOG.md', 'LICENSE'])
    copy(join(ROOT, part), join(tree, part));
  copy(join(ROOT, 'packaging/install.sh'), join(tree, 'install.sh'), 0o755);
  documentation(join(tree, 'share'));
  const file = join(out, `${name}.tar.gz`);
  const pack = `tar --sort=name --mtime=@${date} --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w --format=gnu \
    -C "$1" -cf - "$2" | gzip -9n >"$3"`;
  execFileSync('bash', ['-euo', 'pipefail', '-c', pack, 'pack', scratch, name, file]);
  return file;
}
