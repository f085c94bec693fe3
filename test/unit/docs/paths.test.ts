import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Files and folders that the documents for developers name, and the pages that all documents link to, are there. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PATH = /`((?:src|test|docs|etc|bench|packaging|remotes|\.ci|\.github)\/[\w./-]*)`/g;
const LINK = /\]\(([^)#:]+)(?:#[^)]*)?\)/g;
const MANUAL = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

describe.each(['CONTRIBUTING.md', 'docs/architecture.md'])('%s', (page) => {
  const named = [...new Set([...read(page).matchAll(PATH)].map(([, path]) => path ?? ''))];
  it.each(named)('%s is there', (path) => {
    expect(existsSync(join(ROOT, path))).toBe(true);
  });
  it('names some', () => {
    expect(named.length).toBeGreaterThan(5);
  });
});

it.each(['README.md', 'CONTRIBUTING.md', ...MANUAL])('%s links to what is there', (page) => {
  const links = [...read(page).matchAll(LINK)].map(([, path]) => path ?? '');
  const broken = links.filter((path) => !existsSync(join(ROOT, normalize(join(dirname(page), path)))));
  expect(broken).toEqual([]);
});
