import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { withTimeLimit } from '../../src/time-limit.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const never = new Promise<string>(() => undefined);

it('is what the task comes to, and leaves no timer', async () => {
  expect(await withTimeLimit(Promise.resolve('done'), 1000, () => 'late')).toBe('done');
  expect(vi.getTimerCount()).toBe(0);
});

it('is what the task throws', async () => {
  await expect(withTimeLimit(Promise.reject(new Error('broken')), 1000, () => 'late')).rejects.toThrow(
    'broken',
  );
  expect(vi.getTimerCount()).toBe(0);
});

it('is what is said of a task that is late, and not before', async () => {
  let said: string | undefined;
  const heard = withTimeLimit(never, 1000, () => 'late').then((value) => {
    said = value;
  });
  await vi.advanceTimersByTimeAsync(999);
  expect(said).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  await heard;
  expect(said).toBe('late');
});

it('lets a task fail that is given up', async () => {
  let fail: (error: Error) => void = () => undefined;
  const task = new Promise<string>((_, reject) => {
    fail = reject;
  });
  const limited = withTimeLimit(task, 10, () => 'late');
  await vi.advanceTimersByTimeAsync(10);
  fail(new Error('much later'));
  expect(await limited).toBe('late');
});
