import { expect, test } from 'vitest';
import { once, onceEach, runOnce } from '../../../../src/doctor/look/once.ts';
import type { Run } from '../../../../src/system/run.ts';

test('a reading is made once, its failure too', () => {
  let count = 0;
  const read = once(() => ++count);
  expect([read(), read()]).toEqual([1, 1]);
  const each = onceEach((name: string) => `${name}${++count}`, String);
  expect([each('a'), each('b'), each('a')]).toEqual(['a2', 'b3', 'a2']);
  const failing = once(async () => {
    count += 1;
    throw new Error('no');
  });
  return Promise.all([failing(), failing()].map((made) => expect(made).rejects.toThrow('no'))).then(() =>
    expect(count).toBe(4),
  );
});

test('a program is started once for the same input, with no more time than is left', async () => {
  const started: string[] = [];
  const run: Run = async (command, args, options) => {
    started.push([command, ...args, options?.input].join(' '));
    expect(options?.timeoutMs).toBeLessThanOrEqual(4000);
    return { stdout: '', stderr: '' };
  };
  const asked = runOnce(run, { programMs: 4000, allMs: 60_000 });
  await asked('ip', ['link'], { input: 'a' });
  await asked('ip', ['link'], { input: 'b' });
  await asked('ip', ['link'], { input: 'a' });
  expect(started).toEqual(['ip link a', 'ip link b']);
});

test('nothing is started when all time is used up', async () => {
  const asked = runOnce(async () => expect.unreachable(), { programMs: 4000, allMs: 0 });
  await expect(asked('nft', [])).rejects.toThrow('nft: not run');
});
