import { describe, expect, it } from 'vitest';
import { parseListenAddress } from '../../../src/model/listen-address.ts';

describe('parseListenAddress', () => {
  it.each([
    ['127.0.0.1:9516', { kind: 'tcp', host: '127.0.0.1', port: 9516 }],
    ['0.0.0.0:1', { kind: 'tcp', host: '0.0.0.0', port: 1 }],
    ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65_535 }],
    ['unix:/run/one_tproxy/metrics.sock', { kind: 'unix', path: '/run/one_tproxy/metrics.sock' }],
  ])('takes %s', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each([
    '',
    '9516',
    ':9516',
    'localhost:9516',
    '127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:09516',
    '127.0.0.1:65536',
    '127.0.0.256:80',
    '::1:9516',
    '[::1]',
    '[fe80::1%eth0]:9516',
    '[127.0.0.1]:9516',
    'http://127.0.0.1:9516',
    'unix:metrics.sock',
    'unix:/',
    'unix:/run/',
    'unix:/run/a\nb',
    `unix:/${'x'.repeat(96)}`,
  ])('refuses %j', (text) => {
    expect(parseListenAddress(text)).toBeUndefined();
  });
});
