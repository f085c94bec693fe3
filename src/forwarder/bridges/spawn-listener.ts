import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { listenerTitle, netnsName } from '../../model/names.ts';
import { withLog } from '../../process/child-log.ts';
import { loadBundle } from '../../process/load-bundle.ts';
import { bridgeDirectory, bridgeSocket, listenerLog, netnsPath } from '../../process/paths.ts';
import { HOST_VARIABLE, ROLE_VARIABLE, VERSION_VARIABLE } from '../../process/roles.ts';
import { VERSION } from '../../version.ts';

export interface ListenerStart {
  readonly bridge: string;
  /** Inode of the host's network namespace. */
  readonly host: number;
  /** `uid:gid`, or `-` to stay who we are. */
  readonly user: string;
  readonly logLevel: number;
}

/** Starts the listener of a bridge inside its netns, without privileges. Its death is reported by the child's `exit`. */
export function spawnListener(start: ListenerStart): ChildProcess {
  const title = listenerTitle(start.bridge);
  const launcher = fileURLToPath(new URL('./launch-listener', import.meta.url));
  const child = withLog(listenerLog(start.bridge), (log) =>
    spawn(
      'nsenter',
      [
        `--net=${netnsPath(netnsName(start.bridge))}`,
        ...['unshare', '--mount', 'bash', launcher],
        ...[title, start.user, process.execPath, bridgeDirectory(start.bridge)],
      ],
      {
        stdio: ['ignore', 'ignore', log],
        detached: true,
        cwd: '/',
        env: {
          PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
          // The young generation sets what an idle listener costs; it allocates next to nothing.
          NODE_OPTIONS: loadBundle(
            new URL('./listener.cjs', import.meta.url),
            '--max-semi-space-size=1 --max-old-space-size=64',
          ),
          [ROLE_VARIABLE]: title,
          [HOST_VARIABLE]: String(start.host),
          [VERSION_VARIABLE]: VERSION,
          ONE_TPROXY_BRIDGE: start.bridge,
          ONE_TPROXY_SOCKET: bridgeSocket(start.bridge),
          ONE_TPROXY_LOG_LEVEL: String(start.logLevel),
        },
      },
    ),
  );
  child.unref();
  return child;
}
