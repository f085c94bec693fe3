import type { Logger } from '../../log.ts';
import type { Run } from '../../system/run.ts';
import { isMappedId, serviceUser, type User } from '../../system/users.ts';

/** The user that listeners become; undefined inside a user namespace in which no other user exists. */
export async function listenerUser(
  run: Run,
  configured: string | undefined,
  log: Logger,
): Promise<User | undefined> {
  const user = await serviceUser(run, configured);
  if ((await isMappedId('uid', user.uid)) && (await isMappedId('gid', user.gid))) return user;
  log.warn(
    { user: user.name },
    'user does not exist in this user namespace, listeners stay root without capabilities',
  );
  return undefined;
}
