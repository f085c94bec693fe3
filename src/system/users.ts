import { readFile } from 'node:fs/promises';
import { TproxyError } from '../errors.ts';
import type { Run } from './run.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function parsePasswd(text: string, name: string): User | undefined {
  const fields = text
    .split('\n')
    .map((line) => line.split(':'))
    .find((line) => line[0] === name);
  const uid = Number(fields?.[2]);
  const gid = Number(fields?.[3]);
  return Number.isInteger(uid) && Number.isInteger(gid) && fields !== undefined
    ? { name, uid, gid }
    : undefined;
}

/** A user by name, from /etc/passwd or whatever else the host asks (getent). */
async function findUser(run: Run, name: string): Promise<User | undefined> {
  const local = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''), name);
  if (local !== undefined) return local;
  const answer = await run('getent', ['passwd', name]).catch(() => undefined);
  return answer === undefined ? undefined : parsePasswd(answer.stdout, name);
}

/**
 * The user that listeners run as: the one configured, else oneadmin if it exists, else nobody. Rejects when the configured
 * one does not exist.
 */
export async function serviceUser(run: Run, configured: string | undefined): Promise<User> {
  if (configured !== undefined) {
    const user = await findUser(run, configured);
    if (user === undefined) {
      throw new TproxyError(`:tproxy_process_owner: ${configured}: no such user`, {
        remedy: 'create it, or name another one',
      });
    }
    return user;
  }
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return (
    parsePasswd(passwd, 'oneadmin') ??
    parsePasswd(passwd, 'nobody') ?? { name: 'nobody', uid: 65534, gid: 65534 }
  );
}

/** False inside a user namespace that has no such id: a process can't become it there. */
export async function isMappedId(kind: 'uid' | 'gid', id: number): Promise<boolean> {
  const map = await readFile(`/proc/self/${kind}_map`, 'utf8').catch(() => '0 0 4294967295');
  return map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .some(([first = 0, , count = 0]) => id >= first && id < first + count);
}
