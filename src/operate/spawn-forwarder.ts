import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { readAnswer } from '../control/ask.ts';
import type { SyncReport } from '../control/report.ts';
import { TproxyError } from '../errors.ts';
import type { Settings } from '../model/settings.ts';
import { loadBundle } from '../process/load-bundle.ts';
import { forwarderLog } from '../process/paths.ts';
import { ROLE_VARIABLE, type TakeOver, VERSION_VARIABLE, WATCH_TITLE } from '../process/roles.ts';
import { settingsText } from '../process/settings-json.ts';
import { VERSION } from '../version.ts';

/** Longest time from starting the forwarder to its first report, on a host with hundreds of bridges. One that hangs ends earlier. */
const READY_TIMEOUT_MS = 120_000;

/** A watch that gives up ends within this time after its forwarder. */
const WATCH_END_MS = 500;

/**
 * Starts the forwarder, under its watch, in the caller's network namespace and waits until its first sync is done. Rejects
 * when it died, says nothing, or says that nothing could be done.
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
      NODE_OPTIONS: loadBundle(new URL('./forwarder.cjs', import.meta.url), '--max-semi-space-size=2'),
      [ROLE_VARIABLE]: 'forwarder',
      [VERSION_VARIABLE]: VERSION,
      ONE_TPROXY_SETTINGS: settingsText(settings),
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
        new TproxyError(`forwarder ${what}`, {
          code: 'NOT_STARTED',
          remedy: `read its log ${forwarderLog()}`,
        }),
      );
    const timer = setTimeout(
      () => fail(`was not ready within ${READY_TIMEOUT_MS / 1000} s`),
      READY_TIMEOUT_MS,
    );
    const lines = createInterface({ input: pipe });
    lines.once('line', (line) => {
      clearTimeout(timer);
      try {
        resolve(readAnswer('sync', line));
      } catch (error) {
        // Most likely it ends now, and its watch with it: whoever is told of the failure shall find neither.
        child.removeAllListeners('exit').once('exit', () => reject(error));
        setTimeout(() => reject(error), WATCH_END_MS);
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
        new TproxyError("forwarder: bash can't be started", {
          remedy: 'install the package bash',
          cause: error,
        }),
      );
    });
    child.once('exit', (status, signal) => {
      clearTimeout(timer);
      fail(`exited at once (${signal ?? `status ${status}`})`);
    });
  });
}
