import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { TproxyError } from '../errors.ts';
import { listenerTitle, netnsName } from '../model/names.ts';
import type { Settings } from '../model/settings.ts';
import { VERSION } from '../version.ts';
import { withLog } from './child-log.ts';
import type { SyncReport } from './control.ts';
import { bridgeDirectory, bridgeSocket, forwarderLog, listenerLog, netnsPath } from './paths.ts';
import { HOST_VARIABLE, ROLE_VARIABLE, VERSION_VARIABLE, WATCH_TITLE } from './roles.ts';

/** Longest time from starting the forwarder to its first report, on a host with hundreds of bridges. One that hangs ends earlier. */
const READY_TIMEOUT_MS = 120_000;

/** A watch that gives up ends within this time after its forwarder. */
const WATCH_END_MS = 500;

/** Node's options that load a bundle. A process started so has nothing but its title on its command line. */
function loadBundle(name: string, extra = ''): string {
  // Quotes and backslashes have a meaning to node there.
  const path = fileURLToPath(new URL(name, import.meta.url)).replaceAll(/["\\]/g, '\\$&');
  return `--require="${path}" ${extra}`.trim();
}

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
          NODE_OPTIONS: loadBundle('./listener.cjs', '--max-semi-space-size=1 --max-old-space-size=64'),
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

/** `replace`: listeners that run are succeeded by new ones (restart, upgrade). `adopt`: they are kept. */
export type TakeOver = 'adopt' | 'replace';

/**
 * Starts the forwarder, under its watch, in the caller's network namespace and waits until its first sync is done. Rejects
 * when it died or says nothing.
 */
export async function spawnForwarder(settings: Settings, takeOver: TakeOver): Promise<SyncReport> {
  const watch = fileURLToPath(new URL('./watch', import.meta.url));
  const child = spawn('bash', [watch, process.execPath, forwarderLog()], {
    argv0: WATCH_TITLE,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
    cwd: '/',
    env: {
      PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      NODE_OPTIONS: loadBundle('./forwarder.cjs', '--max-semi-space-size=2'),
      [ROLE_VARIABLE]: 'forwarder',
      [VERSION_VARIABLE]: VERSION,
      ONE_TPROXY_SETTINGS: JSON.stringify(settings),
      ONE_TPROXY_TAKE_OVER: takeOver,
    },
  });
  const pipe = child.stdio[3] as Readable;
  try {
    return await firstLine(child, pipe);
  } finally {
    pipe.destroy();
    child.unref();
  }
}

function firstLine(child: ChildProcess, pipe: Readable): Promise<SyncReport> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void =>
      reject(
        new TproxyError(`forwarder ${what}; its log ${forwarderLog()} says why`, { code: 'NOT_STARTED' }),
      );
    const timer = setTimeout(
      () => fail(`did not get ready within ${READY_TIMEOUT_MS / 1000} s`),
      READY_TIMEOUT_MS,
    );
    const lines = createInterface({ input: pipe });
    lines.once('line', (line) => {
      clearTimeout(timer);
      const report = JSON.parse(line) as SyncReport;
      if (report.error === undefined) resolve(report);
      else {
        // Most likely it ends now, and its watch with it: whoever is told of the failure shall find neither.
        child.removeAllListeners('exit').once('exit', () => resolve(report));
        setTimeout(() => resolve(report), WATCH_END_MS);
      }
    });
    // The forwarder died without a word. If its watch ends as well, how it ended says more.
    lines.once('close', () => {
      setTimeout(() => {
        clearTimeout(timer);
        fail('died before it was ready');
      }, WATCH_END_MS).unref();
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(
        new TproxyError('forwarder: bash can not be started; install the package bash', { cause: error }),
      );
    });
    child.once('exit', (status, signal) => {
      clearTimeout(timer);
      fail(`ended at once (${signal ?? `status ${status}`})`);
    });
  });
}
