import { describe, fault, type Judge } from '../reader/judge.ts';
import { quote } from '../reader/problem.ts';

const USER_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;
const REMEDY = 'write the name of an unprivileged user, or leave the key out';

/** `tproxy_process_owner`. Whether the user exists is for the hypervisor to say, not for the file. */
export const processOwner: Judge<string> = (written) => {
  if (typeof written !== 'string') return fault(describe(written), REMEDY);
  if (!USER_NAME.test(written)) return fault(`is ${quote(written)}, which is no user name`, REMEDY);
  if (written === 'root') return fault('is root, who may do everything on the host', REMEDY);
  return { value: written };
};
