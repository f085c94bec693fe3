import { describe, expect, it } from 'vitest';
import { fault } from '../../../../src/config/reader/judge.ts';
import { type KeyStyle, PLAIN_KEYS, SYMBOL_KEYS } from '../../../../src/config/reader/key-style.ts';
import { readKeys } from '../../../../src/config/reader/keys.ts';
import { list } from '../../../../src/config/reader/list.ts';
import { mapping, wholeMapping } from '../../../../src/config/reader/mapping.ts';
import { named } from '../../../../src/config/reader/named.ts';
import { formatProblem } from '../../../../src/config/reader/problem.ts';
import { readFile } from '../../../../src/config/reader/read-yaml.ts';
import { some, text } from '../../../../src/config/reader/scalars.ts';
import { omissible, optional, required, withDefault } from '../../../../src/config/reader/schema.ts';
import { value } from '../../../../src/config/reader/value.ts';
import { wholeNumber } from '../../../../src/config/reader/whole-number.ts';

/** A kitchen, which has nothing to do with proxies. */
const digit = wholeNumber('number', 1, 9);
const number = value(digit);
const doc = { meaning: '' };
const oven = mapping(
  { heat: withDefault('heat', number, 5, doc), shelves: required('shelves', number, doc) },
  { noun: 'oven', remedy: 'write heat and shelves below it' },
);
const pot = wholeMapping(
  { size: required('size', number, doc), lids: optional('lids', number, doc) },
  {
    remedy: 'write size and lids',
    contradictions: ({ fields: { size, lids = 0 } }) =>
      lids > size ? [{ property: 'lids', wrong: 'is more than its size', remedy: 'take a larger pot' }] : [],
  },
  ({ fields, at, of }) => ({ ...fields, line: at.line, sizeLine: of('size').line }),
);
const KITCHEN = {
  cooks: withDefault('cooks', number, 1, doc),
  oven: optional('oven', oven, doc),
  pots: withDefault(
    'pots',
    list(pot, { item: 'pot', items: 'pots', max: 3, noun: 'list of pots', remedy: 'begin each with a dash' }),
    [],
    doc,
  ),
  spices: omissible(
    'spices',
    named(value(some(digit, 'list numbers')), {
      item: 'spice',
      items: 'spices',
      max: 3,
      name: text((name) => (name === 'soap' ? fault('is soap', 'rinse') : { value: name }), 'name it'),
      sameAs: (name) => name.toLowerCase(),
      noun: 'mapping of spices',
      remedy: 'name them below it',
    }),
    doc,
  ),
} as const;

function read(text: string, style: KeyStyle = PLAIN_KEYS) {
  const answer = readFile(text, { style, example: 'cooks:' }, ({ fields, place, source }) =>
    readKeys(fields, KITCHEN, place, source),
  );
  const problems = answer.readable ? answer.value.problems : answer.problems;
  return {
    fields: answer.readable ? answer.value.fields : undefined,
    problems: problems.map((problem) => formatProblem(problem, 'f')),
  };
}

describe('what is right', () => {
  it.each([
    ['', { cooks: 1, pots: [] }],
    ['cooks: ~\noven:\npots: ~\n', { cooks: 1, pots: [] }],
    [
      'spices: {salt: 1, soda: [2, 3, 2]}\n',
      {
        cooks: 1,
        pots: [],
        spices: new Map([
          ['salt', [1]],
          ['soda', [2, 3]],
        ]),
      },
    ],
    ['oven: {shelves: 2}\n', { cooks: 1, pots: [], oven: { heat: 5, shelves: 2 } }],
    [
      'cooks: 2\npots:\n- size: 3\n  lids: 2\n-\n  lids: ~\n  size: 1\n',
      {
        cooks: 2,
        pots: [
          { number: 1, value: { size: 3, lids: 2, line: 3, sizeLine: 3 } },
          { number: 2, value: { size: 1, line: 6, sizeLine: 7 } },
        ],
      },
    ],
    [
      'pots: [&a {size: 2, lids: 1}, {<<: *a, size: 3}, *a]',
      {
        cooks: 1,
        pots: [
          { number: 1, value: { size: 2, lids: 1, line: 1, sizeLine: 1 } },
          { number: 2, value: { size: 3, lids: 1, line: 1, sizeLine: 1 } },
          { number: 3, value: { size: 2, lids: 1, line: 1, sizeLine: 1 } },
        ],
      },
    ],
  ])('%j', (text, fields) => {
    expect(read(text)).toEqual({ fields, problems: [] });
  });
});

describe('what is wrong, nested as deep as it may be', () => {
  it.each<[string, readonly string[]]>([
    ['cook: 2', ['f:1:1: error: unknown key "cook"; did you mean cooks?']],
    ['[a]: 1', ['f:1:1: error: unknown key "[…]"; the keys are cooks, oven, pots, spices']],
    ['{a: 1}: 1', ['f:1:1: error: unknown key "{…}"; the keys are cooks, oven, pots, spices']],
    [':cooks: 2', ['f:1:1: error: unknown key ":cooks"; did you mean cooks?']],
    ['__proto__: 2', ['f:1:1: error: unknown key "__proto__"; the keys are cooks, oven, pots, spices']],
    ['cooks: 2\ncooks: 2', ['f:2:1: error: cooks stands twice, first in line 1; keep one of the two']],
    ['cooks: :2', ['f:1:1: error: cooks is ":2", which is no number; write a whole number from 1 to 9']],
    ['oven: 7', ['f:1:1: error: oven is "7" and no oven; write heat and shelves below it']],
    [
      'oven:\n  heat: 0\n',
      [
        'f:2:3: error: heat of oven is "0", which is no number; write a whole number from 1 to 9',
        'f:1:1: error: shelves of oven is missing; write a whole number from 1 to 9',
      ],
    ],
    ['oven: {shelfes: 2}', ['f:1:8: error: unknown key "shelfes" of oven; did you mean shelves?']],
    ['pots: {}', ['f:1:1: error: pots is a mapping and no list of pots; begin each with a dash']],
    [
      'pots:\n- 7\n- ~\n-\n',
      [
        'f:2:3: error: pot 1 of pots is "7"; write size and lids',
        'f:3:3: error: pot 2 of pots has no value; write size and lids',
        'f:4:2: error: pot 3 of pots has no value; write size and lids',
      ],
    ],
    [
      'pots:\n- {size: 1}\n- {size: 1, lids: 2}\n',
      ['f:3:13: error: lids of pot 2 is more than its size; take a larger pot'],
    ],
    // What belongs together is only looked at when each is right.
    [
      'pots:\n- {size: 1, lids: 2, colour: red}\n',
      ['f:2:22: error: unknown key "colour" of pot 1; the keys are size, lids'],
    ],
    [
      `pots: [${'{size: 1}, '.repeat(4)}]`,
      ['f:1:1: error: pots has 4 pots; the first 3 count; take out what is not needed'],
    ],
    [
      '- cooks',
      ['f:1:1: error: the file holds no mapping of keys to values; begin lines with keys, such as "cooks:"'],
    ],
  ])('%j', (text, problems) => {
    expect(read(text).problems).toEqual(problems);
  });

  it('leaves the rest to those who may rely on it', () => {
    const text =
      'cooks: 0\noven: {heat: 0, shelves: 1, x: 1}\npots: [{size: 0}, {size: 1, x: 1}, {size: 2}]\n';
    expect(read(text).fields).toMatchObject({
      cooks: 1,
      oven: { heat: 5, shelves: 1 },
      pots: [{ number: 3, value: { size: 2 } }],
    });
    // Nobody can cook with an oven that nothing fits into.
    expect(read('oven: {heat: 1}').fields).toEqual({ cooks: 1, pots: [] });
  });

  it('names keys as the file writes them', () => {
    expect(read(':cooks: 2\ncooks: 3\n:oven: {:shelfs: 2}\n', SYMBOL_KEYS).problems).toEqual([
      'f:2:1: error: :cooks: stands twice, first in line 1; keep one of the two; with and without the leading colon it is the same key',
      'f:3:9: error: unknown key ":shelfs:" of :oven:; did you mean :shelves:?',
    ]);
  });
});
