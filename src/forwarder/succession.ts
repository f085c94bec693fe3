import { setTimeout as sleep } from 'node:timers/promises';
import { mapConcurrently } from '../concurrency.ts';
import { AskCode, askForwarder } from '../control/ask.ts';
import { TproxyError } from '../errors.ts';
import type { Logger } from '../log.ts';
import {
  endProcesses,
  hostInode,
  type OwnProcess,
  ownProcess,
  ownProcesses,
  type Role,
} from '../process/processes.ts';
import { LISTENERS_AT_ONCE } from './bridges/listener-launch.ts';
import type { ServedBridge } from './bridges/served-bridge.ts';

/** How long listeners of an earlier forwarder get to introduce themselves. */
const ADOPTION_MS = 1000;
const LOOK_EVERY_MS = 5;
const GRACE_MS = 1000;
/** Looks for forwarders of a hung one's watch. */
const SWEEPS = 5;

type Bridges = ReadonlyMap<string, ServedBridge>;

/**
 * Tells the forwarder before this one, if there is one, that this one will take over: a listener that died just now is brought
 * back first, or its sockets would end with that forwarder. False when it does not answer.
 */
export async function announceSuccession(log: Logger): Promise<boolean> {
  try {
    await askForwarder('prepare', {});
    return true;
  } catch (error) {
    // An answer it is, if only that it does not know the word.
    if (error instanceof TproxyError && error.code === AskCode.refused) return true;
    log.warn({ err: error }, 'previous forwarder does not answer');
    return false;
  }
}

/**
 * Has the forwarder before this one hand over; true when it did. One that can't be talked to is hung or lost its socket: it
 * is killed, because its listeners must survive it; so is one that `isDeaf`. A forwarder that its watch has started `again`
 * rejects when another one is just being put in its place.
 */
export async function succeedForwarder(log: Logger, again: boolean, isDeaf: boolean): Promise<boolean> {
  if (!isDeaf && (await hasYielded(log))) return true;
  // Whoever was called by an operator wins: the watch tries again, or is ended.
  if (again && others('watch').length > 0) throw new TproxyError('another forwarder is about to take over');
  // A watch that dies late leaves behind the forwarder that it has just started.
  for (let tries = 0; tries < SWEEPS && others('watch', 'forwarder').length > 0; tries++) {
    await endProcesses(others('watch'), 'SIGKILL', 0);
    await endProcesses(others('forwarder'), 'SIGKILL', 0);
  }
  return false;
}

async function hasYielded(log: Logger): Promise<boolean> {
  try {
    return (await askForwarder('yield', {})) !== undefined;
  } catch (error) {
    log.warn({ err: error }, 'previous forwarder did not hand over');
    return false;
  }
}

/** Processes of these roles that do not belong to this forwarder. */
function others(...roles: readonly Role[]): OwnProcess[] {
  return ownProcesses().filter(({ role, pid }) => roles.includes(role) && pid !== process.ppid);
}

/** Waits for the listeners that run already; those that do not come to any bridge are ended. */
export async function adoptListeners(bridges: Bridges): Promise<void> {
  const expected = ownProcesses()
    .filter(({ role, astray }) => role === 'listener' && !astray)
    .map(({ bridge }) => bridges.get(bridge ?? ''))
    .filter((bridge) => bridge !== undefined);
  const deadline = performance.now() + ADOPTION_MS;
  while (expected.some((bridge) => bridge.listener.pid === undefined) && performance.now() < deadline) {
    await sleep(LOOK_EVERY_MS);
  }
  const adopted = new Set(
    [...bridges.values()].flatMap(({ listener }) => [listener.pid, listener.preparedPid]),
  );
  const strays = ownProcesses().filter(({ role, pid }) => role === 'listener' && !adopted.has(pid));
  await endProcesses(strays, 'SIGTERM', GRACE_MS);
}

/** Puts fresh listeners in the place of those that were adopted. */
export async function replaceListeners(bridges: Bridges, log: Logger): Promise<void> {
  await mapConcurrently([...bridges.values()], LISTENERS_AT_ONCE, (bridge) =>
    bridge.replaceListener().catch((error: unknown) => {
      log.warn({ bridge: bridge.name, err: error }, 'listener could not be replaced cleanly');
    }),
  );
}

/** Ends this process's watch: from now on its end is no accident. */
export function leaveWatch(): void {
  const watch = ownProcess(process.ppid, hostInode());
  if (watch?.role === 'watch') process.kill(watch.pid, 'SIGKILL');
}
