import type { Random } from '../unit/config/random.ts';

/** What breaks parsers of any kind. */
const ODD = [
  ...[
    '',
    ' ',
    '\n',
    '\r',
    '\t',
    '\0',
    '\x1b[31m',
    '\u009b2J',
    '\u2028',
    '\u202e',
    '\ufeff',
    '\ud800',
    '\u{1F600}',
    '\uffff',
  ],
  ...[
    '0',
    '-1',
    '1e999',
    '65536',
    '4294967296',
    '9007199254740993',
    '0x10',
    '007',
    'NaN',
    'null',
    'true',
    '""',
    "'",
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '../../etc/passwd',
    '%s%n',
    '$(id)',
    '`id`',
    ';',
    '|',
    '--',
    '-v',
    '\\',
    '"',
    '/',
  ],
  ...[
    '[',
    ']',
    '{',
    '}',
    '<',
    '>',
    '&',
    '<!--',
    '<![CDATA[',
    ']]>',
    '&#0;',
    '&amp;',
    '*',
    ',',
    ':',
    '- ',
    '.',
  ],
];

/** `text` with a few changes: pieces taken out, doubled, moved in from `other`, replaced by what breaks parsers. */
export function mutated(text: string, other: string, words: readonly string[], random: Random): string {
  let result = text;
  for (let changes = random.below(6) + 1; changes > 0; changes -= 1) {
    const at = random.below(result.length + 1);
    const length = random.below(random.below(4) === 0 ? result.length + 1 : 16);
    result = result.slice(0, at) + replacement(result.slice(at, at + length)) + result.slice(at + length);
  }
  return result;

  function replacement(piece: string): string {
    switch (random.below(7)) {
      case 0:
        return '';
      case 1:
        return piece.repeat(random.below(4));
      case 2:
        return ODD[random.below(ODD.length)] ?? '';
      case 3:
        return words[random.below(words.length)] ?? '';
      case 4:
        return other.slice(random.below(other.length + 1)).slice(0, random.below(40));
      case 5:
        return String(random.below(2 ** 31) - 2 ** random.below(31));
      default:
        return piece + String.fromCharCode(random.below(256));
    }
  }
}

/** Text without any sense. */
export function noise(words: readonly string[], random: Random): string {
  const all = [...ODD, ...words];
  return Array.from({ length: random.below(60) }, () => all[random.below(all.length)] ?? '').join('');
}
