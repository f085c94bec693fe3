import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** The table of folders in docs/architecture.md, against what the files of each folder import. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const IMPORT = /\b(?:from|import\()\s*'(\.[^']+)'/g;

/** Rows in their order: folder and what it imports, as it is written. */
const rows = [
  ...readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').matchAll(
    /^\| `src\/(\w+)` \|.*\| (.*?) ?\|$/gm,
  ),
].map(([, folder = '', imports = '']) => ({ folder, imports }));
const folders = rows.map(({ folder }) => folder);

/** `all but boot, linux`, or a list. */
function listed(imports: string, folder: string): string[] {
  const words = imports
    .replace(/^all but /, '')
    .split(', ')
    .filter((word) => word !== '');
  if (!imports.startsWith('all but ')) return words;
  return folders.filter((other) => other !== folder && !words.includes(other));
}

function importedBy(folder: string): string[] {
  const found = new Set<string>();
  for (const name of readdirSync(join(ROOT, 'src', folder), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const file = join('src', folder, name);
    for (const [, path = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
      const [, target = ''] = normalize(join(dirname(file), path)).split('/');
      if (target !== folder && !target.endsWith('.ts')) found.add(target);
    }
  }
  return [...found].sort();
}

test('every folder is in the table', () => {
  const all = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect([...folders].sort()).toEqual(all.map(({ name }) => name).sort());
});

test.each(rows)(
  'src/$folder imports what is named beside it, all of which stands below',
  ({ folder, imports }) => {
    expect(importedBy(folder)).toEqual(listed(imports, folder).sort());
    const below = folders.slice(folders.indexOf(folder) + 1);
    expect(importedBy(folder).filter((other) => !below.includes(other))).toEqual([]);
  },
);
