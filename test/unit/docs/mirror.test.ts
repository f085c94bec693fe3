import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** What unit tests are about besides `src`: the manual; packages, installer and CI. */
const BESIDES = ['docs', 'packaging'];

/** Where the subject of a test in `test/unit` should be: its folder in `src`, or its file when it is in no folder. */
function subjectOf(name: string): string {
  const folder = dirname(name);
  if (BESIDES.includes(folder)) return folder;
  return folder === '.' ? `src/${name.replace(/\.test\.ts$/, '.ts')}` : `src/${folder}`;
}

const names = readdirSync(`${ROOT}/test/unit`, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.test.ts'),
);

test('unit tests are found', () => expect(names.length).toBeGreaterThan(90));

test('each unit test stands in the folder that its subject has in src', () => {
  expect(names.filter((name) => !existsSync(`${ROOT}/${subjectOf(name)}`))).toEqual([]);
});

test.each([
  ['vm/select.test.ts', 'src/vm'],
  ['forwarder/books/sums.test.ts', 'src/forwarder/books'],
  ['errors.test.ts', 'src/errors.ts'],
  ['docs/mirror.test.ts', 'docs'],
])('%s is about %s', (name, subject) => expect(subjectOf(name)).toBe(subject));
