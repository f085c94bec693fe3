import { posix } from 'node:path';
import { fault } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';
import { text } from '../reader/scalars.ts';

const WRITE_PATH = 'write the path of a file, such as /etc/one_tproxy/corporate.pem';

/** `upstream_ca`. Whether there is such a file is for the hypervisor to say. */
export const caFile = text<string>((written) => {
  const bad = (why: string, remedy = WRITE_PATH) => fault(`is ${quote(written)}, ${why}`, remedy);
  if (written.includes('-----BEGIN'))
    return bad('which is a certificate', 'put it into a file, and write its path');
  if (/\p{Cc}/u.test(written) || written.length > 4095) return bad('which is no path');
  if (!written.startsWith('/')) return bad('which is no absolute path');
  if (written.endsWith('/')) return bad('which is a directory');
  const plain = posix.normalize(written);
  return plain === written ? { value: written } : bad('which has detours in it', `write ${plain}`);
}, WRITE_PATH);
