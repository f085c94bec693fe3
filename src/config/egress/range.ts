import { bitsOf, formatRange, inRange, parseAddress, parseRange, type Range } from '../../model/address.ts';
import { embeddedIpv4 } from '../../model/embedded-ipv4.ts';
import { fault, type Verdict } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';
import { each, text } from '../reader/scalars.ts';

const WRITE_RANGE = 'write a range such as 10.11.0.0/16';

/** What no name leads to, whatever is configured. */
const NEVER = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '::1', 'fe80::/10', 'ff00::/8'];

/** `reach`: ranges, or single addresses. */
export const ranges = each(text(judgeRange, WRITE_RANGE));

function judgeRange(written: string): Verdict<string> {
  const bad = (why: string, remedy = WRITE_RANGE) => fault(`is ${quote(written)}, ${why}`, remedy);
  const [, address = written, prefix = ''] = /^([^/]*)\/(.*)$/s.exec(written) ?? [];
  const base = parseAddress(address);
  if (base === undefined) return bad('which is no range of addresses');
  if (base.family === 6 && embeddedIpv4(base.bytes)?.by === 'mapped') {
    return bad('which is IPv4 written as IPv6', 'write the IPv4 range');
  }
  const range = parseRange(written);
  if (range === undefined) {
    const bits = bitsOf(base);
    const length = /^(?:0|[1-9]\d{0,2})$/.test(prefix) ? Number(prefix) : Number.NaN;
    return length <= bits
      ? bad(`which has bits set after its first ${length}`, 'write the first address of the range')
      : bad(`whose prefix is no number from 0 to ${bits}`);
  }
  const never = NEVER.find((one) => isWithin(range, parseRange(one)));
  if (never !== undefined) return bad(`and ${never} is never reached`, 'leave it out');
  return { value: formatRange(range) };
}

function isWithin({ base, length }: Range, outer: Range | undefined): boolean {
  return outer !== undefined && length >= outer.length && inRange(base, outer);
}
