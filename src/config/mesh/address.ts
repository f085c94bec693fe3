import { isIPv4, isIPv6 } from 'node:net';
import { SERVICE_ADDRESS } from '../../model/names.ts';
import { describe, fault, type Judge } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';

const WRITE_ONE = 'write an IPv4 address such as 10.11.12.13 or a host name';
const MAX_NAME_LENGTH = 253;
/** RFC 1123, and `_`: resolvers and stock drivers take it, and names in use have it. */
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
/** A name that ends like this is taken for an address by `inet_aton`: `10`, `1.2.3`, `0x7f000001`. */
const NUMERIC_END = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i;

/** `remote_addr`: an IPv4 address or a host name, with the usual slips named. */
export const upstreamAddress: Judge<string> = (written) => {
  if (typeof written !== 'string' || written === '') return fault(describe(written), WRITE_ONE);
  const bad = (why: string, remedy = WRITE_ONE) => fault(`is ${quote(written)}, ${why}`, remedy);

  if (isIPv4(written)) {
    const why = whyNoUpstream(written);
    return why === undefined ? { value: written } : bad(why);
  }
  if (written.includes('://')) return bad('which is a URL', 'write its host only, without scheme and path');
  if (isIPv6(written.replace(/^\[(.*)\](?::\d+)?$/, '$1'))) {
    return bad('which is IPv6; upstreams are reached over IPv4 only');
  }
  if (/^[^:]+:\d*$/.test(written)) return bad('which has a port in it', 'put the port in :remote_port:');
  if (/^[\d.]+\/\d+$/.test(written)) return bad('which is a network', 'write the address of one host');
  const dotless = written.slice(0, -1);
  if (written.endsWith('.') && isIPv4(dotless)) {
    return bad('which is an IPv4 address with a dot at its end', `write ${dotless}`);
  }
  if (NUMERIC_END.test(written)) {
    return bad('which is no correct IPv4 address', 'write four numbers up to 255');
  }
  return isHostName(written) ? { value: written } : bad('which is no host name');
};

/** Why nothing can be dialled at this IPv4 address, or undefined. Loopback is fine: the hypervisor's own service. */
export function whyNoUpstream(address: string): string | undefined {
  const first = Number(address.split('.')[0]);
  if (address === SERVICE_ADDRESS) return 'the address that guests dial, so the proxy would call itself';
  if (first === 0) return 'which means "no address"';
  if (address === '255.255.255.255') return 'the broadcast address';
  if (first >= 224 && first < 240) return 'a multicast address';
  if (first >= 240) return 'a reserved address';
  return undefined;
}

function isHostName(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  return name.length <= MAX_NAME_LENGTH && name.split('.').every((label) => LABEL.test(label));
}
