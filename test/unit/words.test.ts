import { expect, test } from 'vitest';
import { counted, named } from '../../src/words.ts';

test.each([
  [0, '0 ports', 'ports'],
  [1, '1 port', 'port'],
  [2, '2 ports', 'ports'],
])('%i: %s, %s', (number, withNumber, without) => {
  expect(counted(number, 'port')).toBe(withNumber);
  expect(named(number, 'port')).toBe(without);
});
