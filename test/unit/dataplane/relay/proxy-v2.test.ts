import { describe, expect, test } from 'vitest';
import { proxyV2Header } from '../../../../src/dataplane/relay/proxy-v2.ts';
import { parseIpv4 } from '../../../../src/model/ipv4.ts';

/** "The PROXY protocol", section 2.2: 12 bytes that no other protocol begins with. */
const SIGNATURE = '0d0a0d0a000d0a515549540a';

function parties(guestIp: string, guestPort: number, servicePort: number) {
  return { servicePort, guestIp: parseIpv4(guestIp), guestPort, upstreamIp: 1, upstreamPort: 2 };
}

describe('the header', () => {
  test.each([
    // 21: version 2, PROXY; 11: TCP over IPv4; length; source, destination; ports; TLV e0 with its length.
    [
      parties('10.1.2.3', 54321, 5030),
      'br0',
      '21' + '11' + '0012' + '0a010203' + 'a9fe1009' + 'd431' + '13a6' + 'e00003' + '627230',
    ],
    [
      parties('255.254.253.252', 65535, 80),
      'b',
      '21' + '11' + '0010' + 'fffefdfc' + 'a9fe1009' + 'ffff' + '0050' + 'e00001' + '62',
    ],
    [
      parties('0.0.0.1', 1, 65535),
      'onebr0.1234-abc',
      '21' +
        '11' +
        '001e' +
        '00000001' +
        'a9fe1009' +
        '0001' +
        'ffff' +
        'e0000f' +
        '6f6e656272302e313233342d616263',
    ],
  ])('of %j on %s', (who, bridge, rest) => {
    expect(proxyV2Header(who, bridge).toString('hex')).toBe(SIGNATURE + rest);
  });

  test('has memory of its own, whose address the kernel may be given', () => {
    const header = proxyV2Header(parties('10.0.0.1', 1, 1), 'br0');
    expect(header.buffer.byteLength).toBe(header.length);
    expect(header.byteOffset).toBe(0);
  });
});
