import { describe, expect, test } from 'vitest';
import { Refusals } from '../../../../src/dataplane/admission/refusals.ts';

describe('what was refused', () => {
  test('is told at once, then at most once a second, one for each bridge and cause', () => {
    const refusals = new Refusals();
    expect(refusals.isEmpty).toBe(true);
    expect(refusals.due(0)).toEqual([]);
    refusals.add(1, 'guest-rate', 10, 80);
    expect(refusals.isEmpty).toBe(false);
    expect(refusals.due(5000)).toEqual([
      { bridgeId: 1, cause: 'guest-rate', count: 1, guestIp: 10, servicePort: 80 },
    ]);
    expect(refusals.isEmpty).toBe(true);
    for (let i = 0; i < 1000; i++) {
      refusals.add(1, 'guest-rate', 10 + i, 80);
      refusals.add(1, 'guest-limit', 11, 81);
      refusals.add(2, 'guest-rate', 12, 82);
      expect(refusals.due(5000 + (i * 999) / 1000)).toEqual([]);
    }
    expect(refusals.due(6000)).toEqual([
      { bridgeId: 1, cause: 'guest-rate', count: 1000, guestIp: 1009, servicePort: 80 },
      { bridgeId: 1, cause: 'guest-limit', count: 1000, guestIp: 11, servicePort: 81 },
      { bridgeId: 2, cause: 'guest-rate', count: 1000, guestIp: 12, servicePort: 82 },
    ]);
    expect(refusals.due(7000)).toEqual([]);
  });

  test('told once is forgotten', () => {
    const refusals = new Refusals();
    refusals.add(1, 'guest-rate', 10, 80);
    refusals.due(0);
    refusals.add(1, 'guest-rate', 11, 80);
    expect(refusals.due(1000)).toMatchObject([{ count: 1, guestIp: 11 }]);
  });
});
