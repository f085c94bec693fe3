import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandName } from '../../../src/cli/command-name.ts';

let folder = '';
const SAME = { used: '/etc/a.conf', standard: '/etc/a.conf' };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tproxy-name-'));
  for (const place of ['vnm', 'other', 'bin', 'empty', "odd '#"]) {
    mkdirSync(join(folder, place));
    if (place === 'bin' || place === 'empty') continue;
    writeFileSync(join(folder, place, 'tproxy'), '');
    chmodSync(join(folder, place, 'tproxy'), 0o755);
  }
  symlinkSync(join(folder, 'vnm/tproxy'), join(folder, 'bin/tproxy'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['by a link in the path', ['empty', 'bin'], 'tproxy'],
  ['itself in the path', ['vnm'], 'tproxy'],
  ['not in the path', ['empty'], 'FOLDER/vnm/tproxy'],
  ['another one before it', ['other', 'bin'], 'FOLDER/vnm/tproxy'],
])('%s', (_name, places, expected) => {
  const path = places.map((place) => join(folder, place)).join(':');
  expect(commandName(join(folder, 'vnm/tproxy'), path, SAME)).toBe(expected.replace('FOLDER', folder));
});

test('a configuration of its own, and words that a shell would not take as they are', () => {
  const config = { used: '/etc/my file', standard: '/etc/a.conf' };
  expect(commandName(join(folder, "odd '#/tproxy"), '', config)).toBe(
    `'${folder}/odd '\\''#/tproxy' --config '/etc/my file'`,
  );
});
