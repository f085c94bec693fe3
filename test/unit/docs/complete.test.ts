import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OUTCOMES } from '../../../src/dataplane/outcome.ts';

/** The manual has everything in it: its index all pages, docs/operations.md all messages and outcomes of the logs. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const manual = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');

/** Places that log; the command line's own output goes elsewhere. */
const FOLDERS = [
  'src/forwarder',
  'src/listener',
  'src/control',
  'src/dataplane',
  'src/metrics',
  'src/process',
];
const CALL = /\b(?:log|logger)\.(?:debug|info|warn|error)\(/g;

/** Messages are constant texts, the arguments of a logger's method; fields and their texts are in braces. */
function messagesIn(source: string): string[] {
  return [...source.matchAll(CALL)].flatMap((match) => {
    const texts: string[] = [];
    let depth = 1;
    for (let at = match.index + match[0].length; depth > 0 && at < source.length; at += 1) {
      const sign = source[at] ?? '';
      if ('({['.includes(sign)) depth += 1;
      else if (')}]'.includes(sign)) depth -= 1;
      else if (sign === "'" || sign === '"' || sign === '`') {
        const end = source.indexOf(sign, at + 1);
        if (depth === 1) texts.push(source.slice(at + 1, end));
        at = end;
      }
    }
    return texts;
  });
}

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, folder, name));
}

const fromDaemons = FOLDERS.filter((folder) => readdirSync(join(ROOT, 'src')).includes(folder.slice(4)))
  .flatMap(filesIn)
  .flatMap((file) => messagesIn(readFileSync(file, 'utf8')));
const fromWatch = [
  ...readFileSync(join(ROOT, 'remotes/watch'), 'utf8').matchAll(/^\s*say .*"([^"\\]+)"$/gm),
].map(([, text]) => text ?? '');
const messages = [...new Set([...fromDaemons, ...fromWatch, 'connection finished'])].sort();

describe('docs/README.md', () => {
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8');
  const pages = readdirSync(join(ROOT, 'docs')).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  );

  it.each(pages)('leads to %s', (page) => {
    expect(index).toContain(`](${page})`);
  });
});

describe('docs/decisions/README.md', () => {
  const index = readFileSync(join(ROOT, 'docs/decisions/README.md'), 'utf8');
  const listed = [...index.matchAll(/^- \[(\d{4})\]\(([^)]+)\) (.+)$/gm)];
  const present = readdirSync(join(ROOT, 'docs/decisions')).filter((name) => name !== 'README.md');

  it('lists every decision once', () => {
    expect(listed.map(([, , file]) => file).sort()).toEqual(present.sort());
  });

  it.each(listed.map(([, number, file, title]) => ({ number, file, title })))(
    'says what $file is about',
    ({ number, file, title }) => {
      const [heading] = readFileSync(join(ROOT, 'docs/decisions', file ?? ''), 'utf8').split('\n');
      expect(heading).toBe(`# ${number} ${title}`);
    },
  );
});

describe('docs/operations.md', () => {
  it('is held against what there is', () => {
    expect(messages).toEqual(expect.arrayContaining(['forwarder ready', 'forwarder died, restarting it']));
    expect(messages.length).toBeGreaterThan(25);
  });

  it.each(messages)('explains the message "%s"', (message) => {
    expect(manual).toContain(`\`${message}\``);
  });

  it.each(OUTCOMES)('explains the outcome %s', (outcome) => {
    expect(manual).toContain(`\`${outcome}\``);
  });
});
