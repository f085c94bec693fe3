import { isMappedId, serviceUser, type User } from '../../system/users.ts';
import type { Scene } from './scene.ts';

/** The user that listeners should run as; undefined inside a user namespace in which it does not exist. */
export async function wantedUser({ run, config }: Scene): Promise<User | undefined> {
  const configured = await config().then(
    (loaded) => loaded.config.settings.processOwner,
    () => undefined,
  );
  const user = await serviceUser(run, configured);
  return (await isMappedId('uid', user.uid)) && (await isMappedId('gid', user.gid)) ? user : undefined;
}
