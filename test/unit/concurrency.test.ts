import { describe, expect, it } from 'vitest';
import { limitConcurrency, mapConcurrently, Serial } from '../../src/concurrency.ts';

/** Tasks that end when they are told to. */
function tasks() {
  const running: number[] = [];
  const ends = new Map<number, (error?: Error) => void>();
  const task = (item: number): Promise<string> => {
    running.push(item);
    return new Promise((resolve, reject) => {
      ends.set(item, (error) => {
        running.splice(running.indexOf(item), 1);
        if (error === undefined) resolve(`done ${item}`);
        else reject(error);
      });
    });
  };
  const end = async (item: number, error?: Error): Promise<void> => {
    ends.get(item)?.(error);
    await new Promise(setImmediate);
  };
  return { running, task, end };
}

describe('mapConcurrently', () => {
  it('has so many run at a time, in order, and keeps the order of the results', async () => {
    const { running, task, end } = tasks();
    const all = mapConcurrently([1, 2, 3, 4], 2, task);
    await new Promise(setImmediate);
    expect(running).toEqual([1, 2]);
    await end(2);
    expect(running).toEqual([1, 3]);
    await end(3);
    await end(4);
    await end(1);
    expect(await all).toEqual(['done 1', 'done 2', 'done 3', 'done 4']);
  });

  it('rejects with the first error, and the others have their turn', async () => {
    const { running, task, end } = tasks();
    const all = mapConcurrently([1, 2, 3], 1, task);
    const heard = expect(all).rejects.toThrow('broken');
    await new Promise(setImmediate);
    await end(1, new Error('broken'));
    await heard;
    expect(running).toEqual([2]);
    await end(2);
    expect(running).toEqual([3]);
  });

  it('has nothing to do for nobody', async () => {
    expect(await mapConcurrently([], 3, async () => 'never')).toEqual([]);
  });
});

describe('limitConcurrency', () => {
  it('is shared by all that run through it', async () => {
    const { running, task, end } = tasks();
    const run = limitConcurrency(1);
    const [one, two] = [run(() => task(1)), run(() => task(2))];
    await new Promise(setImmediate);
    expect(running).toEqual([1]);
    await end(1);
    expect(running).toEqual([2]);
    await end(2);
    expect(await Promise.all([one, two])).toEqual(['done 1', 'done 2']);
  });
});

it('tasks run one after the other, and one that fails stops no other', async () => {
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
