import { parsePathPattern } from '../../gateway/rules/path-pattern.ts';
import { fault } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';
import { text } from '../reader/scalars.ts';

const WRITE_PATH = 'write a path that begins with /, such as /ubuntu/*';

/** One of `paths`: what the gateway takes for a pattern. */
export const pathPattern = text<string>((written) => {
  const bad = (why: string, remedy = WRITE_PATH) => fault(`is ${quote(written)}, ${why}`, remedy);
  if (/^https?:\/\//i.test(written)) return bad('which is a URL', 'write its path only; the host is host');
  const pattern = parsePathPattern(written);
  return 'fault' in pattern ? bad(`which ${pattern.fault}`) : { value: written };
}, WRITE_PATH);
