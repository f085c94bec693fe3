import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Recovery, type RecoveryOwner } from '../../../../src/forwarder/bridges/recovery.ts';
import type { ServedBridge } from '../../../../src/forwarder/bridges/served-bridge.ts';

/** A bridge whose netns has gone. */
const bridge = {
  name: 'br0',
  isHealthy: false,
  listener: { checkPulse: async () => undefined },
} as unknown as ServedBridge;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recoveryOf(bridges: () => Iterable<ServedBridge>) {
  const told: string[] = [];
  const log = {
    debug: () => told.push('debug'),
    error: () => told.push('error'),
    info: () => told.push('info'),
  };
  const host = {
    bridges,
    bring: () => Promise.reject(new Error('missing')),
    recovered: () => undefined,
    log,
  };
  const recovery = new Recovery(host as unknown as RecoveryOwner);
  recovery.start();
  return { recovery, told };
}

test('a bridge that is being taken down, its netns first, is no error', async () => {
  let served = [bridge];
  const { recovery, told } = recoveryOf(() => served);
  recovery.lost();
  await vi.advanceTimersByTimeAsync(50);
  served = [];
  await vi.advanceTimersByTimeAsync(5_000);
  recovery.stop();
  expect(told).toEqual(['debug']);
});

test('a bridge that stays broken is told of half a second later, and again with growing pauses', async () => {
  const { recovery, told } = recoveryOf(() => [bridge]);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(told).toEqual(['debug', 'error']);
  await vi.advanceTimersByTimeAsync(60_000);
  recovery.stop();
  expect(told.filter((level) => level === 'error').length).toBeGreaterThan(10);
  expect(told.filter((level) => level === 'error').length).toBeLessThan(20);
});
