import { expect, test } from 'vitest';
import { type Check, ok, warning } from '../../../src/doctor/check.ts';
import { asTyped } from '../../../src/doctor/remedies.ts';

function remedyOf(remedy: string, command: string): string {
  const check: Check = { id: 'veth', part: { is: 'host' }, title: '', finding: warning('', remedy), ms: 0 };
  const { finding } = asTyped(check, command);
  return 'remedy' in finding ? finding.remedy : '';
}

test.each([
  ['run tproxy apply', 'run /a/tproxy apply'],
  ["sh -c 'ulimit -n 9 && tproxy restart'", "sh -c 'ulimit -n 9 && /a/tproxy restart'"],
  ['kill 7; then tproxy start', 'kill 7; then /a/tproxy start'],
  ['read /var/log/one_tproxy.log', 'read /var/log/one_tproxy.log'],
  ['see who: ip netns exec one_tproxy_br0 ss -ltnp', 'see who: ip netns exec one_tproxy_br0 ss -ltnp'],
  ['correct it: tproxy check /b/tproxy x', 'correct it: /a/tproxy check /b/tproxy x'],
])('%s', (remedy, typed) => {
  expect(remedyOf(remedy, '/a/tproxy')).toBe(typed);
  expect(remedyOf(remedy, 'tproxy')).toBe(remedy);
});

test('what holds has no remedy', () => {
  const check: Check = { id: 'plan', part: { is: 'host' }, title: '', finding: ok('tproxy apply'), ms: 0 };
  expect(asTyped(check, '/a/tproxy')).toBe(check);
});
