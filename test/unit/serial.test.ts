import { expect, test } from 'vitest';
import { Serial } from '../../src/serial.ts';

test('tasks run one after the other, and one that fails stops no other', async () => {
  const serial = new Serial();
  const log: string[] = [];
  const task = (name: string, fails = false) =>
    serial.run(async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const results = await Promise.allSettled([task('one'), task('two', true), task('three')]);
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason))).toEqual([
    'one',
    new Error('two'),
    'three',
  ]);
  expect(log).toEqual(['one', 'two', 'three'].flatMap((name) => [`${name} begins`, `${name} ends`]));
});
