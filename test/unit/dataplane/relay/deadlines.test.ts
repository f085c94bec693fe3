import { describe, expect, test } from 'vitest';
import { clearDeadline, Deadlines, type Timed } from '../../../../src/dataplane/relay/deadlines.ts';
import { seeded } from '../../linux/endpoints.ts';

class Item implements Timed {
  deadline = 0;
  waitsIn: Deadlines | undefined = undefined;
  previousTimed: Timed | undefined = undefined;
  nextTimed: Timed | undefined = undefined;
  readonly name: string;
  private readonly onDue: (item: Item, now: number) => void;

  constructor(name: string, onDue: (item: Item, now: number) => void) {
    this.name = name;
    this.onDue = onDue;
  }

  onDeadline(now: number): void {
    this.onDue(this, now);
  }
}

function items(names: string, log: string[]): Item[] {
  return [...names].map((name) => new Item(name, (item) => log.push(item.name)));
}

describe('a queue of deadlines', () => {
  test('expires in order of arrival, each at its time, and says whether others wait', () => {
    const queue = new Deadlines(10);
    const log: string[] = [];
    for (const [i, item] of items('abc', log).entries()) queue.set(item, i);
    expect(queue.expire(9)).toBe(true);
    expect(log).toEqual([]);
    expect(queue.expire(11)).toBe(true);
    expect(log).toEqual(['a', 'b']);
    expect(queue.expire(11)).toBe(true);
    expect(queue.expire(12)).toBe(false);
    expect(log).toEqual(['a', 'b', 'c']);
    expect(queue.expire(1000)).toBe(false);
    expect(log).toHaveLength(3);
  });

  test.each([
    ['the first', 0, 'bc'],
    ['the middle', 1, 'ac'],
    ['the last', 2, 'ab'],
  ])('%s can be taken out', (_, index, left) => {
    const queue = new Deadlines(10);
    const log: string[] = [];
    const all = items('abc', log);
    for (const item of all) queue.set(item, 0);
    const taken = all[index] as Item;
    clearDeadline(taken);
    clearDeadline(taken);
    expect(taken.waitsIn).toBeUndefined();
    queue.expire(10);
    expect(log.join('')).toBe(left);
  });

  test('setting again moves to the end', () => {
    const queue = new Deadlines(10);
    const log: string[] = [];
    const [a, b] = items('ab', log) as [Item, Item];
    queue.set(a, 0);
    queue.set(b, 1);
    queue.set(a, 5);
    queue.expire(14);
    expect(log).toEqual(['b']);
    queue.expire(15);
    expect(log).toEqual(['b', 'a']);
  });

  test('setting in another queue leaves the first', () => {
    const [short, long] = [new Deadlines(10), new Deadlines(100)];
    const log: string[] = [];
    const [a, b] = items('ab', log) as [Item, Item];
    short.set(a, 0);
    short.set(b, 0);
    long.set(a, 0);
    expect(short.expire(50)).toBe(false);
    expect(log).toEqual(['b']);
    expect(long.expire(100)).toBe(false);
    expect(log).toEqual(['b', 'a']);
  });

  test('a delay of 0 is none, also for one that waits already', () => {
    const queue = new Deadlines(10);
    const log: string[] = [];
    const [a, b] = items('ab', log) as [Item, Item];
    queue.set(a, 0);
    queue.set(b, 0);
    queue.delayMs = 0;
    queue.set(a, 0);
    expect(a.waitsIn).toBeUndefined();
    expect(queue.expire(1e9)).toBe(false);
    expect(log).toEqual(['b']);
  });

  test('a longer delay holds for those that are set afterwards', () => {
    const queue = new Deadlines(10);
    const log: string[] = [];
    const [a, b] = items('ab', log) as [Item, Item];
    queue.set(a, 0);
    queue.delayMs = 50;
    queue.set(b, 0);
    expect(queue.expire(10)).toBe(true);
    expect(log).toEqual(['a']);
    expect(queue.expire(49)).toBe(true);
    queue.expire(50);
    expect(log).toEqual(['a', 'b']);
  });

  test('after a shorter delay nobody is forgotten, though those behind a longer one wait for it', () => {
    const queue = new Deadlines(50);
    const log: string[] = [];
    const [a, b] = items('ab', log) as [Item, Item];
    queue.set(a, 0);
    queue.delayMs = 10;
    queue.set(b, 0);
    expect(queue.expire(20)).toBe(true);
    expect(queue.expire(50)).toBe(false);
    expect(log).toEqual(['a', 'b']);
  });
});

describe('while expiring', () => {
  test('an item that sets itself again in the same queue waits a full delay', () => {
    const queue = new Deadlines(10);
    const times: number[] = [];
    const again = new Item('again', (item, now) => {
      times.push(now);
      queue.set(item, now);
    });
    queue.set(again, 0);
    for (const now of [10, 15, 20, 30]) expect(queue.expire(now)).toBe(true);
    expect(times).toEqual([10, 20, 30]);
  });

  test('an item may take out the one behind it, and all of the rest', () => {
    const queue = new Deadlines(10);
    const log: string[] = [];
    const rest = items('bcd', log);
    const killer = new Item('a', () => {
      for (const item of rest) clearDeadline(item);
    });
    queue.set(killer, 0);
    for (const item of rest) queue.set(item, 0);
    expect(queue.expire(10)).toBe(false);
    expect(log).toEqual([]);
  });

  test('an item may set others, and those of other queues', () => {
    const [queue, other] = [new Deadlines(10), new Deadlines(5)];
    const log: string[] = [];
    const [b, c] = items('bc', log) as [Item, Item];
    const starter = new Item('a', (_, now) => {
      queue.set(b, now);
      other.set(c, now);
    });
    queue.set(starter, 0);
    expect(queue.expire(10)).toBe(true);
    expect(other.expire(15)).toBe(false);
    expect(queue.expire(20)).toBe(false);
    expect(log).toEqual(['c', 'b']);
  });
});

test('agrees with a list sorted by time over 20 000 random steps', () => {
  const random = seeded(99);
  const queues = [new Deadlines(7), new Deadlines(50)];
  const due = new Map<Item, { queue: Deadlines; at: number }>();
  let now = 0;
  const wrong: string[] = [];
  const all = Array.from(
    { length: 40 },
    (_, i) =>
      new Item(`${i}`, (item) => {
        const planned = due.get(item);
        if (planned === undefined || planned.at > now) wrong.push(`${item.name} at ${now}`);
        due.delete(item);
      }),
  );
  for (let step = 0; step < 20_000; step++) {
    const item = all[Math.floor(random() * all.length)] as Item;
    const queue = queues[Math.floor(random() * 2)] as Deadlines;
    const action = random();
    if (action < 0.5) {
      queue.set(item, now);
      due.set(item, { queue, at: now + queue.delayMs });
    } else if (action < 0.7) {
      clearDeadline(item);
      due.delete(item);
    } else {
      now += Math.floor(random() * 4);
      for (const each of queues) {
        const waits = each.expire(now);
        const left = [...due.values()].filter((planned) => planned.queue === each);
        if (waits !== left.length > 0) wrong.push(`queue of ${each.delayMs} at ${now}`);
        if (left.some((planned) => planned.at <= now)) wrong.push(`overdue at ${now}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
