import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './source.mjs';

const REMOTES = 'var/lib/one/remotes';
const BUILT = join(ROOT, 'dist/remotes');

/** The front-end: the tree that goes to hypervisors, and what people need at hand. */
export function frontEndFiles(tree) {
  copy(join(BUILT, 'vnm'), join(tree, REMOTES, 'vnm'));
  // The operator's own file belongs to OpenNebula's package; ours lies beside it.
  const example = join(tree, REMOTES, 'etc/vnm/OpenNebulaNetwork.conf.tproxy-example');
  copy(join(ROOT, 'etc/OpenNebulaNetwork.conf'), example);
  const bin = join(tree, 'usr/bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(`/${REMOTES}/vnm/tproxy`, join(bin, 'tproxy'));
  documentation(join(tree, 'usr/share'));
  const docs = join(tree, 'usr/share/doc/tproxy');
  copy(join(ROOT, 'etc'), join(docs, 'examples'));
  for (const page of ['README.md', 'CHANGELOG.md', 'docs']) copy(join(ROOT, page), join(docs, page));
}

/** A hypervisor: what can't come by `onehost sync`. */
export function hypervisorFiles(tree) {
  // In sbin, so that a host that is front-end and hypervisor at once has both, and root gets the hypervisor's.
  const sbin = join(tree, 'usr/sbin');
  mkdirSync(sbin, { recursive: true });
  symlinkSync('/var/tmp/one/vnm/tproxy', join(sbin, 'tproxy'));
  for (const unit of namesIn(join(ROOT, 'etc/systemd')).filter((name) => name !== 'network')) {
    copy(join(ROOT, 'etc/systemd', unit), join(tree, 'usr/lib/systemd/system', unit));
  }
  // What keeps network managers off our ports.
  copy(join(ROOT, 'etc/systemd/network'), join(tree, 'usr/lib/systemd/network'));
  copy(join(ROOT, 'etc/udev/rules.d'), join(tree, 'usr/lib/udev/rules.d'));
  copy(join(ROOT, 'etc/logrotate.d/one_tproxy'), join(tree, 'etc/logrotate.d/one_tproxy'));
  copy(join(ROOT, 'etc/sudoers.d/one-tproxy'), join(tree, 'etc/sudoers.d/one-tproxy'), 0o440);
}

/** Manual page and shell completion, as the built executable prints them. */
export function documentation(share) {
  const tproxy = (...words) =>
    execFileSync(join(BUILT, 'vnm/tproxy'), words, { encoding: 'utf8', maxBuffer: 1 << 24 });
  write(join(share, 'man/man8/tproxy.8'), tproxy('manual'));
  write(join(share, 'bash-completion/completions/tproxy'), tproxy('completion', 'bash'));
  write(join(share, 'zsh/vendor-completions/_tproxy'), tproxy('completion', 'zsh'));
}

export function copy(from, to, mode) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
  if (mode !== undefined) execFileSync('chmod', [mode.toString(8), to]);
}

export function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Names of what lies in a folder, in a fixed order. */
export function namesIn(folder) {
  return readdirSync(folder).sort();
}
