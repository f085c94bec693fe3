import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Block, mismatch, readPage } from '../support/docs/blocks.ts';
import { Scene } from '../support/docs/scene.ts';
import { makePackages, ROOT, removePackages } from '../support/packages.ts';

/** Every command line that README.md and docs/ show is run here, and prints what they show. */
const NAMES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const pages = NAMES.map((name) => ({ name, ...readPage(readFileSync(join(ROOT, name), 'utf8')) }));
const withCommands = pages.filter(({ blocks }) => blocks.some(({ notRun }) => notRun === undefined));

/** Of all pages together: what can't be run is meant to be rare. */
const MOST_NOT_RUN = 8;

let packages: string;

beforeAll(() => {
  packages = makePackages();
});

afterAll(() => removePackages(packages));

test.each(withCommands)('$name', async ({ name, scene: kind, blocks }) => {
  const scene = await Scene.create(kind, packages);
  try {
    for (const block of blocks.filter(({ notRun }) => notRun === undefined))
      await runBlock(scene, name, block);
  } finally {
    await scene.close();
  }
});

async function runBlock(scene: Scene, name: string, { line, where, commands }: Block): Promise<void> {
  for (const { script, shown } of commands) {
    const { status, stdout } = await scene.run(where, script);
    const wrong = shown === undefined ? undefined : mismatch(shown, stdout);
    if (status !== 0 || wrong !== undefined) {
      throw new Error(`${name}:${line}: ${script}\nexit ${status}\n${wrong ?? stdout}`);
    }
  }
}

test.each(pages)('$name has its commands where they are found', ({ others }) => {
  for (const text of others) expect(text).not.toMatch(/^(?:\$ |# (?:tproxy|sudo|nft|ip|systemctl) )/m);
});

describe('blocks that are not run', () => {
  const notRun = pages.flatMap(({ name, blocks }) =>
    blocks
      .filter((block) => block.notRun !== undefined)
      .map((block) => `${name}:${block.line}: ${block.notRun}`),
  );

  test('are few, and say why', () => {
    expect(notRun.length, notRun.join('\n')).toBeLessThanOrEqual(MOST_NOT_RUN);
    for (const reason of notRun) expect(reason).toMatch(/: .{10,}$/);
  });
});

test.each(pages)('links of $name lead somewhere', ({ name }) => {
  const folder = name === 'README.md' ? ROOT : join(ROOT, 'docs');
  const text = readFileSync(join(ROOT, name), 'utf8').replaceAll(/<!--.*?-->/gs, '');
  for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)/g)) {
    const path = target === '' ? join(ROOT, name) : join(folder, target);
    expect(existsSync(path), `${target} is there`).toBe(true);
    if (anchor !== undefined) expect(anchorsIn(readFileSync(path, 'utf8'))).toContain(anchor);
  }
});

function anchorsIn(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(
    ([, title = '']) =>
      `#${title
        .toLowerCase()
        .replaceAll(/[^a-z0-9 _-]/g, '')
        .replaceAll(' ', '-')}`,
  );
}
