import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** No file of src imports itself by way of others, types included: what stands below is understood without what is above. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const IMPORT = /\b(?:from|import|import\()\s*'(\.[^']+)'/g;

type Imports = ReadonlyMap<string, readonly string[]>;

function importsOf(folder: string): Imports {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => name.endsWith('.ts'))
      .map((name) => {
        const file = join(folder, name);
        const text = readFileSync(join(ROOT, file), 'utf8');
        return [
          file,
          [...text.matchAll(IMPORT)].map(([, path = '']) => normalize(join(dirname(file), path))),
        ];
      }),
  );
}

/** Circles, each as its files in order with the first one again at the end; one for every import that closes one. */
function circlesIn(imports: Imports): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) circles.push([...path.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return circles;
}

describe('circlesIn', () => {
  it.each([
    { of: 'a line', imports: { a: ['b'], b: ['c'], c: [] }, circles: [] },
    { of: 'two ways to one file', imports: { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, circles: [] },
    { of: 'a circle of two', imports: { a: ['b'], b: ['a'] }, circles: ['a → b → a'] },
    { of: 'a circle aside', imports: { a: ['b'], b: ['c'], c: ['d'], d: ['b'] }, circles: ['b → c → d → b'] },
    { of: 'itself', imports: { a: ['a'] }, circles: ['a → a'] },
  ])('finds what there is in $of', ({ imports, circles }) => {
    expect(circlesIn(new Map(Object.entries(imports)))).toEqual(circles);
  });
});

describe('src', () => {
  const imports = importsOf('src');

  it('is read', () => {
    expect(imports.get('src/forwarder/main.ts')).toContain('src/forwarder/start.ts');
    const missing = [...imports.values()].flat().filter((file) => !imports.has(file));
    expect(missing).toEqual([]);
  });

  it('has no circle', () => {
    expect(circlesIn(imports)).toEqual([]);
  });
});
