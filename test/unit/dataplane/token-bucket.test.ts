import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../../src/dataplane/token-bucket.ts';

/** How many of `wanted` connections at `now` there are allowances for. */
function take(pace: TokenBucket, rate: number, now: number, wanted: number): number {
  let taken = 0;
  for (let i = 0; i < wanted; i++) {
    if (!pace.may(rate, now)) continue;
    pace.count(rate);
    taken += 1;
  }
  return taken;
}

describe('an allowance', () => {
  test.each<[string, number, readonly [atMs: number, wanted: number, taken: number][]]>([
    ['no limit', 0, [[0, 10_000, 10_000]]],
    ['one second’s worth at once', 10, [[0, 25, 10]]],
    ['whenever the first one comes', 10, [[123_456, 25, 10]]],
    [
      'grows with time',
      10,
      [
        [0, 10, 10],
        [100, 5, 1],
        [250, 5, 1],
        [300, 5, 1],
        [1000, 20, 7],
      ],
    ],
    [
      'never to more than a second’s worth',
      10,
      [
        [0, 10, 10],
        [60_000, 100, 10],
      ],
    ],
    [
      'of what was not used',
      10,
      [
        [0, 3, 3],
        [0, 20, 7],
      ],
    ],
    [
      'one a second',
      1,
      [
        [0, 5, 1],
        [999, 5, 0],
        [1000, 5, 1],
      ],
    ],
    [
      'a clock that stands still',
      5,
      [
        [50, 9, 5],
        [50, 9, 0],
        [50, 9, 0],
      ],
    ],
  ])('%s', (_, rate, steps) => {
    const pace = new TokenBucket();
    expect(steps.map(([at, wanted]) => take(pace, rate, at, wanted))).toEqual(
      steps.map(([, , taken]) => taken),
    );
  });

  test('over a long time is the rate, in whatever portions it is asked for', () => {
    for (const everyMs of [1, 7, 100, 333]) {
      const pace = new TokenBucket();
      let taken = 0;
      for (let now = 0; now < 20_000; now += everyMs) taken += take(pace, 50, now, 40);
      expect(taken).toBeGreaterThan(50 * 20);
      expect(taken).toBeLessThanOrEqual(50 * 21);
    }
  });

  test('follows a rate that changes', () => {
    const pace = new TokenBucket();
    expect(take(pace, 100, 0, 60)).toBe(60);
    expect(take(pace, 10, 0, 60)).toBe(10);
    expect(take(pace, 0, 0, 60)).toBe(60);
    expect(take(pace, 100, 500, 60)).toBe(50);
  });
});
