import { parseIpv4 } from '../../model/ipv4.ts';
import { SERVICE_ADDRESS } from '../../model/names.ts';
import type { Parties } from '../parties.ts';

// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const VERSION_2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const ADDRESSES_BYTES = 12;
const TLV_HEADER_BYTES = 3;
/** First of the types for private use: the name of the guest's bridge, US-ASCII. */
const TLV_BRIDGE = 0xe0;

const SERVICE_IP = parseIpv4(SERVICE_ADDRESS);

/**
 * What a service with `proxy_protocol: v2` hears before the guest's first byte: source is the guest, destination what it
 * dialled, and the TLV 0xE0 holds the name of its bridge.
 */
export function proxyV2Header(parties: Parties, bridge: string): Buffer {
  const name = Buffer.from(bridge, 'latin1');
  const length = ADDRESSES_BYTES + TLV_HEADER_BYTES + name.length;
  // Not from the pool: the address of this memory is given to the kernel.
  const header = Buffer.allocUnsafeSlow(16 + length);
  SIGNATURE.copy(header);
  header[12] = VERSION_2_PROXY;
  header[13] = TCP_OVER_IPV4;
  header.writeUInt16BE(length, 14);
  header.writeUInt32BE(parties.guestIp >>> 0, 16);
  header.writeUInt32BE(SERVICE_IP, 20);
  header.writeUInt16BE(parties.guestPort, 24);
  header.writeUInt16BE(parties.servicePort, 26);
  header[28] = TLV_BRIDGE;
  header.writeUInt16BE(name.length, 29);
  name.copy(header, 31);
  return header;
}
