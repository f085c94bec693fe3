import { dirname, join } from 'node:path';

/** The configuration that belongs to an executable: `/var/tmp/one/vnm/tproxy` → `/var/tmp/one/etc/vnm/…`. */
export function defaultConfigPath(executable: string): string {
  return join(dirname(executable), '..', 'etc', 'vnm', 'OpenNebulaNetwork.conf');
}
