import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../../../src/config/reader/nearest.ts';

describe('the distance of two words', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['abc', 'abc', 0],
    ['abc', 'abd', 1],
    ['abc', 'ac', 1],
    ['abc', 'xabc', 1],
    ['kitten', 'sitting', 3],
    ['flaw', 'lawn', 2],
  ])('%s and %s: %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('the nearest word', () => {
  const known = ['service_port', 'remote_addr', 'remote_port', 'networks'];

  it.each([
    ['service_prot', 'service_port'],
    ['serviceport', 'service_port'],
    ['remote_address', 'remote_addr'],
    ['REMOTE_PORT', 'remote_port'],
    ['net', undefined],
    ['banana', undefined],
    ['', undefined],
    ['remote_port'.repeat(10), undefined],
  ])('%s is meant to be %s', (word, expected) => {
    expect(nearest(word, known)).toBe(expected);
  });
});
