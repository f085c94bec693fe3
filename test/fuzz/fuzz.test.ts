import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { amount } from '../support/amount.ts';
import { runTarget, savedSeeds } from './run-target.ts';
import { TARGETS } from './targets.ts';

/** `npm run fuzz` is the long form. */
const COUNT = amount(1000, 100);

describe('what comes from outside breaks nothing', () => {
  test.each(TARGETS)('$name', (target) => {
    const { inputs, taken, refused } = runTarget(target, COUNT, 1);
    expect(inputs).toBe(COUNT + target.samples.length + savedSeeds(target.name).length);
    // Mutations that are always refused, or never, would say nothing about the parser.
    expect(taken).toBeGreaterThan(0);
    if (target.name !== 'log') expect(refused).toBeGreaterThan(0);
  });

  test('each target has its file of saved seeds, and no file is left over', () => {
    const files = readdirSync(new URL('seeds', import.meta.url)).sort();
    expect(files).toEqual(TARGETS.map(({ name }) => `${name}.txt`).sort());
  });
});
