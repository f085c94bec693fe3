import { beforeEach, describe, expect, test } from 'vitest';
import { Guest } from '../../../../src/dataplane/admission/guests.ts';
import { Turns } from '../../../../src/dataplane/admission/turns.ts';
import { seeded } from '../../linux/endpoints.ts';

const AMONG_OTHERS = 4;
const ALONE = 1024;

/** A reactor with a clock of its own: what is deferred is done at the end of a turn, and what that defers in the next. */
class Clock {
  turn = 0;
  now = 0;
  private soon: (() => void)[] = [];

  defer(task: () => void): void {
    this.soon.push(task);
  }

  /** A turn with these events. */
  take(events: () => void = () => undefined, ms = 0): void {
    this.now += ms;
    this.turn += 1;
    events();
    const tasks = this.soon;
    this.soon = [];
    for (const task of tasks) task();
  }

  get isIdle(): boolean {
    return this.soon.length === 0;
  }
}

let lastGuest = 0;
function guest(): Guest {
  return new Guest(++lastGuest);
}

let clock: Clock;
let turns: Turns;
/** What was done for whom, in order. */
let done: [guest: string, piece: number][] = [];
beforeEach(() => {
  clock = new Clock();
  turns = new Turns(clock);
  done = [];
});

/** Wants one unit of work done for a guest. Waits for its turn when it has to. */
function want(guest: Guest, name: string, piece: number): void {
  const work = {
    onTurn: () => {
      guest.credit -= 1;
      done.push([name, piece]);
    },
  };
  if (turns.may(guest)) work.onTurn();
  else turns.later(guest, work);
}

function pieces(guest: Guest, name: string, count: number, from = 0): void {
  for (let i = 0; i < count; i++) want(guest, name, from + i);
}

/** Both have had something done. */
function meet(...guests: Guest[]): void {
  clock.take(() => {
    for (const guest of guests) turns.begin(guest);
  });
}

function countOf(name: string): number {
  return done.filter(([each]) => each === name).length;
}

describe('a guest that is alone', () => {
  test('never waits', () => {
    const alone = guest();
    for (let i = 0; i < 20; i++) clock.take(() => pieces(alone, 'a', ALONE, i * ALONE));
    expect(done.map(([, piece]) => piece)).toEqual(Array.from({ length: 20 * ALONE }, (_, i) => i));
    expect(clock.isIdle).toBe(true);
    expect(turns.areShared).toBe(false);
  });

  test('that wants without end goes on in the next turn, so that others get a word in', () => {
    const alone = guest();
    clock.take(() => pieces(alone, 'a', ALONE + 100));
    expect(done).toHaveLength(ALONE);
    expect(clock.isIdle).toBe(false);
    clock.take();
    expect(done).toHaveLength(ALONE + 100);
    expect(clock.isIdle).toBe(true);
  });

  test('is so again a second after the last other one', () => {
    const [a, b] = [guest(), guest()];
    meet(a, b);
    expect(turns.areShared).toBe(true);
    clock.take(() => pieces(a, 'a', 1), 999);
    // That was a change of guests too.
    clock.take(() => pieces(a, 'a', 1), 999);
    expect(turns.areShared).toBe(true);
    clock.take(() => pieces(a, 'a', 500), 2);
    expect(turns.areShared).toBe(false);
    expect(done).toHaveLength(502);
  });
});

describe('a guest that has much to do', () => {
  test('gets its share in each turn, and all of it in the end', () => {
    const [greedy, modest] = [guest(), guest()];
    meet(greedy, modest);
    clock.take(() => pieces(greedy, 'greedy', 100));
    expect(done).toHaveLength(AMONG_OTHERS);
    for (let i = 2; i <= 100 / AMONG_OTHERS; i++) {
      clock.take();
      expect(done).toHaveLength(Math.min(100, i * AMONG_OTHERS));
    }
    expect(done.map(([, piece]) => piece)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(clock.isIdle).toBe(true);
  });

  test('does not delay another one: what that wants is done in the turn in which it wants it', () => {
    const [greedy, modest] = [guest(), guest()];
    meet(greedy, modest);
    clock.take(() => pieces(greedy, 'greedy', 10_000));
    for (let i = 0; i < 50; i++) {
      const before = done.length;
      clock.take(() => {
        pieces(greedy, 'greedy', 100, i * 100);
        want(modest, 'modest', i);
      });
      expect(countOf('modest')).toBe(i + 1);
      // Nor does the thread do anything else for long.
      expect(done.length - before).toBeLessThanOrEqual(AMONG_OTHERS + 1);
    }
  });

  test('waits while ten others have much to do too: all advance alike', () => {
    const guests = Array.from({ length: 11 }, guest);
    meet(...guests);
    clock.take(() => {
      for (const [i, guest] of guests.entries()) pieces(guest, `${i}`, 1000);
    });
    for (let i = 0; i < 20; i++) clock.take();
    expect(guests.map((_, i) => countOf(`${i}`))).toEqual(guests.map(() => 21 * AMONG_OTHERS));
  });

  test('keeps to its order, also for what it wants while it waits', () => {
    const [a, b] = [guest(), guest()];
    meet(a, b);
    clock.take(() => pieces(a, 'a', 40));
    // It has credit again in this turn, but others of its own wait already.
    clock.take(() => pieces(a, 'a', 10, 40));
    while (!clock.isIdle) clock.take();
    expect(done.map(([, piece]) => piece)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

test('nothing is lost, done twice or starved, whatever is wanted when', () => {
  const random = seeded(11);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let round = 0; round < 200; round++) {
    clock = new Clock();
    turns = new Turns(clock);
    done = [];
    const guests = Array.from({ length: 1 + below(6) }, (_, i) => ({
      guest: guest(),
      name: `${i}`,
      wanted: 0,
    }));
    const more = (): void => {
      const each = guests[below(guests.length)];
      if (each === undefined) return;
      // A piece of work may find that there is more to do.
      const again = below(4) === 0;
      const piece = each.wanted++;
      const onTurn = (): void => {
        each.guest.credit -= 1 + below(3);
        done.push([each.name, piece]);
        if (again) want(each.guest, each.name, each.wanted++);
      };
      if (turns.may(each.guest)) onTurn();
      else turns.later(each.guest, { onTurn });
    };
    for (let turn = 0; turn < 30; turn++) {
      const waiting = guests.filter(({ guest }) => guest.waiting.length > 0);
      const had = new Map(waiting.map(({ name }) => [name, countOf(name)]));
      clock.take(() => {
        for (let i = below(60); i > 0; i--) more();
      }, below(300));
      for (const { name } of waiting) expect(countOf(name)).toBeGreaterThan(had.get(name) ?? 0);
    }
    for (let turn = 0; !clock.isIdle; turn++) {
      if (turn > 10_000) throw new Error('it does not come to an end');
      clock.take();
    }
    for (const { name, wanted } of guests) {
      const order = done.filter(([each]) => each === name).map(([, piece]) => piece);
      expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: wanted }, (_, i) => i));
    }
  }
});
