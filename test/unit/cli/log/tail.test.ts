import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Tail } from '../../../../src/cli/log/tail.ts';

let directory: string;
let file: string;
let tail: Tail;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tail-'));
  file = join(directory, 'log');
  tail = new Tail(file);
});

afterEach(() => {
  tail.close();
  rmSync(directory, { recursive: true });
});

const whole = (line: string): string => line;

function more(): string[] {
  const lines: string[] = [];
  tail.more((line) => lines.push(line));
  return lines;
}

describe('the last lines', () => {
  it.each([
    ['none there', '', 2, []],
    ['fewer than asked for', 'a\n', 2, ['a']],
    ['more than asked for', 'a\nb\nc\n', 2, ['b', 'c']],
    ['one that is not finished', 'a\nb\nhalf', 2, ['a', 'b']],
    ['nothing but one that is not finished', 'half', 2, []],
    ['none asked for', 'a\n', 0, []],
  ])('%s', (_, text, count, lines) => {
    writeFileSync(file, text);
    expect(tail.last(count, whole)).toEqual(lines);
  });

  it('are found over many blocks, long lines included', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `${i} ${'x'.repeat(i % 97)}`);
    lines.splice(2500, 0, 'y'.repeat(200_000));
    writeFileSync(file, `${lines.join('\n')}\n`);
    expect(tail.last(10_000, whole)).toEqual(lines);
    const rare = new Tail(file);
    expect(rare.last(3, (line) => (/^1[0-2] /.test(line) ? line.slice(0, 2) : undefined))).toEqual([
      '10',
      '11',
      '12',
    ]);
    rare.close();
  });

  it('of a file that is not there are none', () => {
    expect(tail.last(5, whole)).toEqual([]);
    writeFileSync(file, 'a\n');
    expect(more()).toEqual(['a']);
  });
});

describe('what follows', () => {
  it('begins after the last lines, with the one that was half written', () => {
    writeFileSync(file, 'a\nb\nha');
    expect(tail.last(1, whole)).toEqual(['b']);
    appendFileSync(file, 'lf\nnext\n');
    expect(more()).toEqual(['half', 'next']);
    expect(more()).toEqual([]);
  });

  it('keeps characters whole that arrive in pieces', () => {
    const bytes = Buffer.from('größe\n');
    writeFileSync(file, bytes.subarray(0, 3));
    expect(more()).toEqual([]);
    appendFileSync(file, bytes.subarray(3));
    expect(more()).toEqual(['größe']);
  });

  it('goes on in the new file when the old one was renamed, and loses nothing', () => {
    writeFileSync(file, 'a\n');
    expect(more()).toEqual(['a']);
    appendFileSync(file, 'b\n');
    renameSync(file, `${file}.1`);
    appendFileSync(`${file}.1`, 'c\n');
    expect(more()).toEqual(['b', 'c']);
    appendFileSync(`${file}.1`, 'd\n');
    writeFileSync(file, 'e\n');
    expect(more()).toEqual(['d', 'e']);
  });

  it('goes on at the start when the file was copied and cut', () => {
    writeFileSync(file, 'a\nb\nhalf');
    expect(more()).toEqual(['a', 'b']);
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
    expect(more()).toEqual([]);
    appendFileSync(file, 'c\n');
    expect(more()).toEqual(['c']);
  });

  it('passes over a line that never ends', () => {
    writeFileSync(file, 'x'.repeat(3 << 20));
    expect(more()).toEqual([]);
    appendFileSync(file, 'end of it\nnext\n');
    expect(more()).toEqual(['next']);
  });
});
