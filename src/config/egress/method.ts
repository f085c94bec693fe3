import { fault } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';
import { text } from '../reader/scalars.ts';

const WRITE_METHODS = 'write methods in upper case, such as GET, or leave methods out for all';
const METHOD = /^[A-Z0-9!#$%&'*+.^_`|~-]{1,64}$/;

/** One of `methods`. Methods are case-sensitive, and those in use are in upper case. */
export const method = text<string>((written) => {
  const bad = (why: string, remedy = WRITE_METHODS) => fault(`is ${quote(written)}, ${why}`, remedy);
  const upper = written.toUpperCase();
  if (written === '*') return bad('which stands for nothing here');
  if (!METHOD.test(upper)) return bad('which is no method');
  if (upper !== written) return bad('and methods are in upper case', `write ${upper}`);
  if (written === 'CONNECT') {
    return bad('which is no method of a request', 'leave it out; tunnels are judged by host and ports');
  }
  return { value: written };
}, WRITE_METHODS);
