import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from './files.mjs';
import { ROOT } from './source.mjs';

const OWN = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tproxy

Files: *
Copyright: 2026 the tproxy authors
License: Apache-2.0
 On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0.
`;

/** The copyright file of a package; `bundled`: with the licences of the npm packages that are in the built tree. */
export function licences(bundled) {
  if (!bundled) return OWN;
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const parts = Object.entries(packages)
    .filter(([path, { dev, optional }]) => path !== '' && !dev && !optional)
    .map(([path, { version, license }]) => paragraph(path, version, license));
  return `${OWN}\n${parts.join('\n')}`;
}

function paragraph(path, version, license) {
  const name = path.replace(/^.*node_modules\//, '');
  const folder = join(ROOT, path);
  const file = namesIn(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
  const holder = /^.*copyright.*\d.*$/im.exec(text)?.[0].trim() ?? `the authors of ${name}`;
  // Debian has this one already.
  if (license === 'Apache-2.0') return named(name, version, holder, 'Apache-2.0', '');
  const lines = text.split('\n').map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`));
  // Several packages may have "MIT" with texts that differ: each has a name of its own.
  const label = `${license}-${name.replaceAll(/[^A-Za-z0-9.]+/g, '-').replace(/^-/, '')}`;
  const body = text === '' ? ` See the npm package ${name}` : lines.join('\n');
  return named(name, version, holder, label, `${body}\n`);
}

function named(name, version, holder, label, body) {
  return `Files: var/lib/one/remotes/vnm/tproxy.d/*
Comment: ${name} ${version}, bundled
Copyright: ${holder.replace(/^copyright:?\s*/i, '')}
License: ${label}
${body}`;
}
