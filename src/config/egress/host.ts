import { parseHostPattern } from '../../gateway/rules/host-pattern.ts';
import { fault } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';
import { text } from '../reader/scalars.ts';

const WRITE_HOST = 'write a name, "*.name", "*", an address or a range';

/** `host`: what the gateway takes for a pattern, with the usual slips named. */
export const hostPattern = text<string>((written) => {
  const bad = (why: string, remedy = WRITE_HOST) => fault(`is ${quote(written)}, ${why}`, remedy);
  if (written.includes('://')) return bad('which is a URL', 'write its host only, without scheme and path');
  const pattern = parseHostPattern(written);
  if (!('fault' in pattern)) return { value: written };
  if (/^[^:]+:\d*$/.test(written)) return bad('which has a port in it', 'put the port in ports');
  if (/^[^/]*[a-z_*][^/]*\//i.test(written) && !written.includes(':')) {
    return bad('which has a path in it', 'put the path in paths');
  }
  if (written.startsWith('.')) return bad('which begins with a dot', `write "*${written}"`);
  return bad(`which ${pattern.fault}`);
}, WRITE_HOST);
