import { isIPv4 } from 'node:net';
import { formatAddress, parseAddress } from '../../model/address.ts';
import { whyNoUpstream } from '../mesh/address.ts';
import { fault, type Verdict } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';
import { each, text } from '../reader/scalars.ts';

const WRITE_ADDRESS = 'write an address such as 10.0.0.53';

/** `nameservers`: addresses, as the hypervisor reaches them. */
export const nameServers = each(text(judgeServer, WRITE_ADDRESS));

function judgeServer(written: string): Verdict<string> {
  const bad = (why: string) => fault(`is ${quote(written)}, ${why}`, WRITE_ADDRESS);
  const address = parseAddress(written);
  if (address === undefined) return bad('which is no IP address');
  const why = isIPv4(written)
    ? whyNoUpstream(written)
    : whyNoServer(address.family === 6 ? address.bytes : undefined);
  return why === undefined ? { value: formatAddress(address) } : bad(why);
}

function whyNoServer(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.every((byte) => byte === 0) === true) return 'which means "no address"';
  return bytes?.[0] === 0xff ? 'a multicast address' : undefined;
}
