import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCES = join(import.meta.dirname, '../../../src');
/** `; ` parts what is wrong from the remedy, and stands in what other programs say as well. */
const CUT =
  /\b(?:split|indexOf|lastIndexOf|search|match|matchAll|exec|replace)\(\s*(?:['"`/])[^'"`/]*;(?: |\\s)[*+]?['"`/]/;

test.each([
  "answer.reason.split('; ')",
  'message.split("; ")',
  'message.split(/; /)',
  'message.split(/;\\s*/)',
  "message.lastIndexOf('; ')",
])('%s cuts a message', (code) => {
  expect(code).toMatch(CUT);
});

test("no file cuts a message: an error's parts are its fields", () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((name) => CUT.test(readFileSync(join(SOURCES, name), 'utf8')))).toEqual([]);
});
