import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makePackages, ROOT, removePackages, VERSION } from '../support/packages.ts';

/** The same commit makes the same bytes, wherever and however it is built. */
let out: string;

beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'tproxy-test-'));
});

afterEach(() => rmSync(out, { recursive: true, force: true }));

function hashes(folder: string): Record<string, string> {
  const names = readdirSync(folder).sort();
  return Object.fromEntries(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );
}

test('the same commit makes the same packages', () => {
  const folders = [makePackages(), makePackages({ TZ: 'Asia/Tokyo', LC_ALL: 'C' })];
  try {
    const [one = {}, other] = folders.map(hashes);
    expect(other).toEqual(one);
    expect(Object.keys(one)).toEqual([
      `tproxy-${VERSION}.tar.gz`,
      `tproxy-node_${VERSION}_all.deb`,
      `tproxy_${VERSION}_all.deb`,
    ]);
  } finally {
    folders.forEach(removePackages);
  }
});

test('a tree without git builds, the same in every place, and says that its commit is unknown', () => {
  const places = ['a', 'another-place'].map((name) => join(out, name));
  for (const place of places) {
    execFileSync(
      'bash',
      [
        '-euc',
        'mkdir "$1"; cp -r build.mjs package.json package-lock.json src remotes "$1"; ln -s "$PWD/node_modules" "$PWD/.cache" "$1"',
        'copy',
        place,
      ],
      { cwd: ROOT },
    );
    execFileSync(process.execPath, ['build.mjs'], { cwd: place });
  }
  const [one, other] = places.map((place) =>
    execFileSync(
      'bash',
      ['-c', 'find . -type f -printf "%m %p\\n" | sort; find . -type f | sort | xargs sha256sum'],
      {
        cwd: join(place, 'dist'),
        encoding: 'utf8',
      },
    ),
  );
  expect(other).toBe(one);
  const printed = execFileSync(join(places[0] ?? '', 'dist/remotes/vnm/tproxy'), ['--version'], {
    encoding: 'utf8',
  });
  expect(printed).toBe(`${VERSION} (commit unknown)\n`);
});
