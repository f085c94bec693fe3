import { describe, expect, it } from 'vitest';
import { alignColumns, widthOf } from '../../../../src/cli/text/columns.ts';
import { escapeForTerminal } from '../../../../src/cli/text/escape.ts';
import { styleFor, wantsColour } from '../../../../src/cli/text/style.ts';
import { formatBytes, formatDuration, formatRate } from '../../../../src/cli/text/units.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1536, '1.50 KiB'],
    [10_240, '10.0 KiB'],
    [1_048_576, '1.00 MiB'],
    [104_857_600, '100 MiB'],
    [1023 * 1024 * 1024, '1.00 GiB'],
    [2 ** 40 * 7.25, '7.25 TiB'],
    [2 ** 53, '8.00 PiB'],
    [2 ** 62, '4096 PiB'],
  ])('%d', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatDuration', () => {
  it.each([
    [0, '0.0 ms'],
    [0.44, '0.4 ms'],
    [12.4, '12 ms'],
    [999.4, '999 ms'],
    [999.6, '1.0 s'],
    [59_900, '59.9 s'],
    [59_960, '1 min 0 s'],
    [184_000, '3 min 4 s'],
    [7_500_000, '2 h 5 min'],
    [273_600_000, '3 d 4 h'],
  ])('%d ms', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('formatRate', () => {
  it.each([
    [0, '0'],
    [0.4, '0.4'],
    [9.96, '10'],
    [3400.2, '3400'],
  ])('%d', (rate, text) => expect(formatRate(rate)).toBe(text));
});

describe('escapeForTerminal', () => {
  it.each([
    ['plain ÄÖ 網路 🙂', 'plain ÄÖ 網路 🙂'],
    ['\x1b[2J\x07', '\\x1b[2J\\x07'],
    ['a\nb\r\tc', 'a\\x0ab\\x0d\\x09c'],
    ['\x9b31m', '\\x9b31m'],
    ['abc\u202edcba', 'abc\\u202edcba'],
    ['\u2066x\u2069\u200b\u2028', '\\u2066x\\u2069\\u200b\\u2028'],
  ])('%j', (text, escaped) => expect(escapeForTerminal(text)).toBe(escaped));
});

describe('colours', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('terminal %s with %j: %s', (terminal, environment, wanted) => {
    expect(wantsColour(terminal, environment)).toBe(wanted);
  });

  it('are left out where there are none', () => {
    expect(styleFor(false).bad('text')).toBe('text');
    expect(styleFor(true).bad('text')).toBe('\x1b[31mtext\x1b[39m');
  });
});

describe('alignColumns', () => {
  const columns = [
    { title: 'NAME', align: 'left' },
    { title: 'N', align: 'right' },
    { title: 'END', align: 'left' },
  ] as const;

  it('puts words to the left and numbers to the right, and no space at the end', () => {
    const rows = [
      ['a', '1', 'x'],
      ['longer', '1000', ''],
    ];
    expect(alignColumns(columns, rows)).toEqual(['NAME       N  END', 'a          1  x', 'longer  1000']);
  });

  it('goes by the width on the terminal, and paints afterwards', () => {
    const painted = alignColumns(columns, [['網路', '1', '']], (text, column) =>
      column === 0 ? `<${text}>` : text,
    );
    expect(painted).toEqual(['NAME  N  END', '<網路>  1']);
    expect(widthOf('e\u0301🙂')).toBe(3);
  });
});
