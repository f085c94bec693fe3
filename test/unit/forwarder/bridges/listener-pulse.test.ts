import { expect, test } from 'vitest';
import { ListenerPulse } from '../../../../src/forwarder/bridges/listener-pulse.ts';

test('it is asked again once it has answered, waited for, and given up after five seconds', () => {
  const pulse = new ListenerPulse();
  expect(pulse.check(1000)).toBe('ask');
  expect(pulse.check(1500)).toBe('wait');
  pulse.answered();
  expect(pulse.check(2000)).toBe('ask');
  expect(pulse.check(6999)).toBe('wait');
  expect(pulse.check(7000)).toBe('silent');
});
