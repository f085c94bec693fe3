import { describe, expect, it } from 'vitest';
import { upstreamAddress } from '../../../../src/config/mesh/address.ts';

describe('remote_addr', () => {
  it.each([
    '10.11.12.13',
    '127.0.0.1',
    '169.254.169.254',
    '169.254.16.10',
    '192.0.2.255',
    '223.255.255.255',
    'localhost',
    'onegate',
    'onegate.example.com',
    'onegate.example.com.',
    'ONE-gate.Example',
    'one_gate.example',
    'one_gate',
    '_one.gate_.example',
    '3com.example',
    'a1',
    '10.example',
    '1.2.3.4.example',
    'xn--nxasmq6b.example',
    `${'a'.repeat(63)}.example`,
    Array.from({ length: 127 }, () => 'a').join('.'),
  ])('takes %s', (written) => {
    expect(upstreamAddress(written)).toEqual({ value: written });
  });

  it.each([
    ['10.0.0.256', 'no correct IPv4 address'],
    ['1.2.3', 'no correct IPv4 address'],
    ['1.2.3.4.5', 'no correct IPv4 address'],
    ['10.0.0.01', 'no correct IPv4 address'],
    ['10', 'no correct IPv4 address'],
    ['10.', 'no correct IPv4 address'],
    ['10.0.0.256.', 'no correct IPv4 address'],
    ['10.0.0.1.', 'dot at its end', '10.0.0.1'],
    ['host.7', 'no correct IPv4 address'],
    ['0x7f000001', 'no correct IPv4 address'],
    ['0x7f.1', 'no correct IPv4 address'],
    ['0.0.0.0', 'no address'],
    ['0.1.2.3', 'no address'],
    ['169.254.16.9', 'guests dial'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::1', 'IPv6'],
    ['fd00::1', 'IPv6'],
    ['[fd00::1]', 'IPv6'],
    ['[fd00::1]:80', 'IPv6'],
    ['::ffff:10.0.0.1', 'IPv6'],
    ['fe80::1%eth0', 'IPv6'],
    ['http://10.0.0.1', 'URL'],
    ['https://onegate.example:5030/', 'URL'],
    ['10.0.0.1:80', 'port'],
    ['onegate.example:80', 'port'],
    ['onegate:', 'port'],
    ['10.0.0.0/8', 'network'],
    ['one_gate.7', 'no correct IPv4 address'],
    ['one_gate-', 'no host name'],
    ['-_gate', 'no host name'],
    ['-onegate', 'no host name'],
    ['onegate-', 'no host name'],
    ['onegate-.example', 'no host name'],
    ['.example', 'no host name'],
    ['a..b', 'no host name'],
    ['.', 'no host name'],
    ['one gate', 'no host name'],
    ['onegate/path', 'no host name'],
    ['onegate\n', 'no host name'],
    ['bücher.example', 'no host name'],
    ['$(reboot)', 'no host name'],
    [`${'a'.repeat(64)}.example`, 'no host name'],
    [`${Array.from({ length: 127 }, () => 'a').join('.')}.b`, 'no host name'],
  ])('refuses %s and says why', (written, why, start = '') => {
    expect(upstreamAddress(written)).toEqual({
      faults: [
        {
          wrong: expect.stringContaining(why),
          remedy: expect.stringMatching(new RegExp(`^(?:write|put) .*${start}`)),
        },
      ],
    });
  });
});
