import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { portMac } from '../../../src/driver/mac.ts';

/** What keeps network managers off our ports knows them by what the driver gives them. */
const ETC = fileURLToPath(new URL('../../../etc', import.meta.url));
const read = (file: string): string => readFileSync(`${ETC}/${file}`, 'utf8');
const rule = read('udev/rules.d/70-one-tproxy.rules');

test('udev marks the MAC of every port', () => {
  const pattern = /ATTR\{address\}=="([^"*]+)\*"/.exec(rule)?.[1] ?? 'none';
  for (const bridge of ['br0', 'onebr0.1234', 'onebr-fifteen-b']) {
    expect(portMac(bridge, 'host')).toMatch(/^fe:ff(?::[0-9a-f]{2}){4}$/);
    expect(portMac(bridge, 'host').startsWith(pattern)).toBe(true);
  }
});

test.each([
  ['systemd/network/05-one-tproxy.network', /^Unmanaged=yes$/m],
  ['systemd/network/05-one-tproxy.link', /^MACAddressPolicy=none$/m],
])('%s asks for that mark and leaves the port alone', (file, line) => {
  const [, key = '', value = ''] = /^Property=(\w+)=(\w+)$/m.exec(read(file)) ?? [];
  expect(rule).toContain(`ENV{${key}}="${value}"`);
  expect(read(file)).toMatch(line);
});

test('NetworkManager is told by the property that it reads', () => {
  expect(rule).toContain('ENV{NM_UNMANAGED}="1"');
});
