import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replaceFile, replaceFileAsync } from '../../src/replace-file.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tproxy-replace-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const WAYS = [
  {
    way: 'replaceFile',
    replace: async <T>(make: (fresh: string) => T) => replaceFile(path, make),
  },
  {
    way: 'replaceFileAsync',
    replace: <T>(make: (fresh: string) => T) => replaceFileAsync(path, async (fresh) => make(fresh)),
  },
];

describe.each(WAYS)('$way', ({ replace }) => {
  it('replaces what is there, which stays until the new one is complete', async () => {
    writeFileSync(path, 'old');
    const made = await replace((fresh) => {
      writeFileSync(fresh, 'new');
      return readFileSync(path, 'utf8');
    });
    expect(made).toBe('old');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('leaves what is there, and nothing else, when making fails', async () => {
    writeFileSync(path, 'old');
    const broken = replace((fresh) => {
      writeFileSync(fresh, 'half');
      throw new Error('no room');
    });
    await expect(broken).rejects.toThrow('no room');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('leaves nothing when the new one cannot take the place', async () => {
    mkdirSync(path);
    await expect(replace((fresh) => writeFileSync(fresh, 'new'))).rejects.toThrow('EISDIR');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('does not write into what an earlier process of the same number has left', async () => {
    writeFileSync(`${path}.${process.pid}`, 'left over');
    await replace((fresh) => writeFileSync(fresh, 'new', { flag: 'wx' }));
    expect(readFileSync(path, 'utf8')).toBe('new');
  });
});

it('makes the file under a name of the caller', () => {
  const aside = join(directory, 'aside');
  replaceFile(
    path,
    (fresh) => {
      expect(fresh).toBe(aside);
      writeFileSync(fresh, 'new');
    },
    aside,
  );
  expect(readdirSync(directory)).toEqual(['file']);
});
