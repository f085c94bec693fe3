import { AskCode, askForwarder } from '../control/ask.ts';
import type { RequestOf } from '../control/operations.ts';
import { errorOf, type SyncReport } from '../control/report.ts';
import { TproxyError } from '../errors.ts';
import type { Endpoint, EndpointMaps } from '../model/endpoint.ts';
import type { Settings } from '../model/settings.ts';
import { endPredecessors, predecessors } from '../process/predecessors.ts';
import { endProcesses, type OwnProcess, ownProcesses, type Role } from '../process/processes.ts';
import type { TakeOver } from '../process/roles.ts';
import { readEndpointMaps } from '../system/nft.ts';
import type { Run } from '../system/run.ts';
import { spawnForwarder } from './spawn-forwarder.ts';

/**
 * What the commands start, stop, restart, reload and status do. All act from the root namespace; the changing ones are
 * called with the lock held, and resolve only when what was asked for holds.
 */
export interface VerbOptions {
  readonly run: Run;
  readonly settings: Settings;
  /** Hears what an operator should know, although what was asked for holds. */
  readonly warn?: (text: string) => void;
}

const STOP_GRACE_MS = 5000;

/** Starts what is not running; with no endpoint anywhere, stops what still runs. */
export async function start(options: VerbOptions): Promise<void> {
  const report = await bringUp(options);
  if (report !== undefined) demand(report, options);
}

/** Brings the running processes to what the endpoint maps say. Rejects with code `NOT_RUNNING` when there is nothing to reload. */
export async function reload(options: VerbOptions): Promise<void> {
  const report = await syncOnlyOurs({ settings: options.settings }, options);
  if (report !== undefined) {
    demand(report, options);
    return;
  }
  if (!hasEndpoints(await readEndpointMaps(options.run))) {
    await stop();
    return;
  }
  // A watch without a forwarder: it died just now, and whoever asked shall not have to wait for a pause of the watch.
  if (predecessors().length > 0 || ownProcesses().some(({ role }) => role === 'watch')) {
    demand(await succeed(options, 'adopt'), options);
    return;
  }
  throw new TproxyError('no daemon is running', {
    remedy: 'run tproxy start',
    code: 'NOT_RUNNING',
    exitCode: 3,
  });
}

/** Puts new processes in the place of those that run; guests notice nothing, living relays end in their own time. */
export async function restart(options: VerbOptions): Promise<void> {
  if (!hasEndpoints(await readEndpointMaps(options.run))) {
    await stop();
    return;
  }
  demand(await succeed(options, 'replace'), options);
}

/** Ends all processes, draining ones included, and their relays. */
export async function stop(): Promise<void> {
  const ofRoles = (...roles: readonly Role[]): OwnProcess[] =>
    ownProcesses().filter(({ role }) => roles.includes(role));
  // Whoever would bring back another goes first.
  await endProcesses(ofRoles('watch'), 'SIGKILL', STOP_GRACE_MS);
  await endProcesses(ofRoles('forwarder', 'draining'), 'SIGTERM', STOP_GRACE_MS);
  await endProcesses(ofRoles('listener'), 'SIGTERM', STOP_GRACE_MS);
  await endPredecessors();
  const stubborn = [...ownProcesses(), ...predecessors()];
  if (stubborn.length > 0) {
    const pids = stubborn.map(({ pid }) => pid).join(',');
    throw new TproxyError(`still running: processes ${pids}`, { remedy: `look at them: ps -fp ${pids}` });
  }
}

/** Brings daemons to what the maps say of `bridge`, and fails only for trouble on it: the driver's view. */
export async function sync(options: VerbOptions, bridge: string): Promise<void> {
  const report = await bringUp(options, bridge);
  const trouble = report?.bridges.find((entry) => entry.bridge === bridge)?.trouble;
  if (trouble !== undefined) throw errorOf(trouble);
}

/** True when the running processes serve `bridge` with `endpoints` already, as far as they know. Changes nothing. */
export async function serves(
  { settings }: VerbOptions,
  bridge: string,
  endpoints: readonly Endpoint[],
): Promise<boolean> {
  // Whatever keeps it from answering, a sync finds out.
  const answer = await askForwarder('serves', { bridge, endpoints, settings }).catch(() => undefined);
  return answer?.served === true;
}

/**
 * Brings everything, or only what is of `bridge`, to what the maps say: by the running forwarder, which reads them itself,
 * or by a new one. Undefined when there is no endpoint anywhere: then what still runs was stopped.
 */
async function bringUp(options: VerbOptions, bridge?: string): Promise<SyncReport | undefined> {
  const { run, settings } = options;
  const running = await syncOnlyOurs(bridge === undefined ? { settings } : { settings, bridge }, options);
  if (running !== undefined && running.served > 0) return running;
  if (!hasEndpoints(await readEndpointMaps(run))) {
    await stop();
    return undefined;
  }
  return (running && (await askToSync({ settings }))) ?? (await succeed(options, 'adopt'));
}

/**
 * Starts a forwarder. Daemons of OpenNebula's own tproxy hold the ports, so they end first: what they relay is cut, as it is by
 * each of their own reloads.
 */
async function succeed(options: VerbOptions, takeOver: TakeOver): Promise<SyncReport> {
  await takeOverFromRuby(options);
  return spawnForwarder(options.settings, takeOver);
}

async function takeOverFromRuby({ warn }: VerbOptions): Promise<boolean> {
  const ended = await endPredecessors();
  if (ended.length === 0) return false;
  const which = ended.map(({ title, pid }) => `${title} (${pid})`).join(', ');
  warn?.(`ended the Ruby daemons of OpenNebula's own tproxy, and their connections: ${which}`);
  return true;
}

/** Where some bridge can't be served, the Ruby daemons may be the reason: somebody has started them again. */
async function syncOnlyOurs(
  request: RequestOf<'sync'>,
  options: VerbOptions,
): Promise<SyncReport | undefined> {
  const report = await askToSync(request);
  const isWell = report === undefined || report.bridges.every(({ trouble }) => trouble === undefined);
  return isWell || !(await takeOverFromRuby(options)) ? report : askToSync(request);
}

/** Undefined also when the forwarder died while it was asked. */
async function askToSync(request: RequestOf<'sync'>): Promise<SyncReport | undefined> {
  try {
    return await askForwarder('sync', request);
  } catch (error) {
    if (error instanceof TproxyError && error.code === AskCode.hungUp) return undefined;
    throw error;
  }
}

function hasEndpoints(maps: EndpointMaps): boolean {
  return [...maps.values()].some((endpoints) => endpoints.length > 0);
}

function demand(report: SyncReport, { warn }: VerbOptions): void {
  for (const text of report.warnings) warn?.(text);
  const [trouble, ...others] = report.bridges.flatMap(({ trouble }) =>
    trouble === undefined ? [] : [trouble],
  );
  if (trouble === undefined) return;
  if (others.length === 0) throw errorOf(trouble);
  throw new TproxyError([trouble, ...others].map((one) => errorOf(one).message).join('\n'));
}
