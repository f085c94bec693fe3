import { expect, test } from 'vitest';
import type { BridgeReport } from '../../../../src/control/report.ts';
import { HealthWatch } from '../../../../src/forwarder/books/health.ts';

function report(...failed: readonly string[]): BridgeReport[] {
  return failed.map((bridge) => ({ bridge, trouble: { what: 'no netns' } }));
}

test('the last reload: a sync of one bridge says nothing about the others', () => {
  const health = new HealthWatch(false);
  const told = () => {
    const { ok, failed } = health.look(0).reload ?? {};
    return { ok, failed };
  };
  expect(told()).toEqual({});
  health.reloaded(report(), 'br0');
  expect(told()).toEqual({ ok: true, failed: [] });
  health.reloaded(report('br0', 'br1'));
  expect(told()).toEqual({ ok: false, failed: ['br0', 'br1'] });
  health.reloaded(report(), 'br0');
  expect(told()).toEqual({ ok: false, failed: ['br1'] });
  health.reloaded(report('br0'), 'br0');
  expect(told()).toEqual({ ok: false, failed: ['br1', 'br0'] });
  health.reloaded(report());
  expect(told()).toEqual({ ok: true, failed: [] });
  health.reloaded(undefined);
  expect(told()).toEqual({ ok: false, failed: [] });
});
