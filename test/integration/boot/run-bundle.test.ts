import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readCodeCache, writeCodeCache } from '../../../src/boot/code-cache.ts';

const BUNDLE =
  "exports; require('node:fs'); function said(word) { return 'said ' + word; }\nconsole.log(said('A'));";
const NOBODY = 65_534;

let home: string;
let runner: string;
/** Where code is kept; its parent stands for the runtime directory. */
let directory: string;
let bundle: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'tproxy-boot-'));
  runner = join(home, 'runner.cjs');
  await build({
    stdin: {
      contents: `
        import { runBundle } from './src/boot/run-bundle.ts';
        const [, , file, directory, verb] = process.argv;
        runBundle({ file, require, directory, verb });
      `,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    outfile: runner,
    bundle: true,
    platform: 'node',
    format: 'cjs',
  });
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

beforeEach(() => {
  directory = join(mkdtempSync(join(home, 'run-')), 'code');
  bundle = join(home, 'bundle.cjs');
  writeFileSync(bundle, BUNDLE);
});

afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

/** What the bundle prints. */
function run(verb = '', node: readonly string[] = []): string {
  const args = [...node, runner, bundle, directory, ...(verb === '' ? [] : [verb])];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

function keptFile(): string {
  const [name = ''] = readdirSync(directory);
  return join(directory, name);
}

const kept = () => readCodeCache(keptFile(), readFileSync(bundle), 0);

describe('compiled code', () => {
  test('is kept by root in a file of its own, by the first runs of each verb', () => {
    expect(run('up')).toBe('said A\n');
    expect(readdirSync(directory)).toHaveLength(1);
    expect(statSync(keptFile()).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(kept()?.runs).toEqual({ up: 1 });
    run('down');
    for (let i = 0; i < 4; i++) run('up');
    expect(kept()?.runs).toEqual({ up: 3, down: 1 });
    const { ino } = statSync(keptFile());
    expect(run('up')).toBe('said A\n');
    expect(statSync(keptFile()).ino).toBe(ino);
  });

  test('is not kept by what changes nothing, nor where the runtime directory is missing', () => {
    expect(run()).toBe('said A\n');
    expect(() => readdirSync(directory)).toThrow(/ENOENT/);
    rmSync(join(directory, '..'), { recursive: true });
    expect(run('up')).toBe('said A\n');
    expect(() => readdirSync(directory)).toThrow(/ENOENT/);
  });

  test('of another bundle of the same length is not run', () => {
    run('up');
    writeFileSync(bundle, BUNDLE.replace("'A'", "'B'"));
    expect(run('up')).toBe('said B\n');
    expect(run('up')).toBe('said B\n');
  });

  test('that this V8 refuses is made anew', () => {
    run('up');
    const { ino } = statSync(keptFile());
    expect(run('up', ['--no-lazy'])).toBe('said A\n');
    expect(kept()?.runs).toEqual({ up: 1 });
    expect(statSync(keptFile()).ino).not.toBe(ino);
  });
});

describe('a file that is', () => {
  beforeEach(() => {
    run('up');
  });

  const damages: Record<string, (file: string) => void> = {
    empty: (file) => writeFileSync(file, ''),
    'cut short': (file) => writeFileSync(file, readFileSync(file).subarray(0, -20)),
    'changed in its code': (file) => flip(file, -40),
    'changed in its digest': (file) => flip(file, 3),
    'changed in the length of its notes': (file) => flip(file, 32),
    "somebody else's": (file) => chownSync(file, NOBODY, NOBODY),
    'writable by others': (file) => chmodSync(file, 0o602),
    'a link to the right one': (file) => {
      renameSync(file, join(home, 'moved'));
      symlinkSync(join(home, 'moved'), file);
    },
    'a fifo': (file) => {
      rmSync(file);
      execFileSync('mkfifo', [file]);
    },
    'a directory': (file) => {
      rmSync(file);
      mkdirSync(file);
    },
    "in somebody else's directory": () => chownSync(directory, NOBODY, NOBODY),
    'in a directory that others may write': () => chmodSync(directory, 0o777),
    'below a directory that others may write': () => chmodSync(join(directory, '..'), 0o777),
  };

  test.each(Object.entries(damages))('%s is as good as none', (_what, damage) => {
    const file = keptFile();
    expect(kept()).toBeDefined();
    damage(file);
    expect(readCodeCache(file, readFileSync(bundle), 0)).toBeUndefined();
    expect(run('up')).toBe('said A\n');
  });
});

test('a file is replaced as a whole, and nothing is left beside it when that fails', () => {
  run('up');
  const file = keptFile();
  const source = readFileSync(bundle);
  rmSync(file);
  mkdirSync(join(file, 'in-the-way'), { recursive: true });
  writeCodeCache(file, source, 0, { runs: {}, code: Buffer.from('x') });
  expect(readdirSync(directory)).toHaveLength(1);
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
