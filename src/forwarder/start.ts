import { chmodSync } from 'node:fs';
import type { Failed, SyncReport } from '../control/report.ts';
import { RUN_DIRECTORY } from '../process/paths.ts';
import { type OwnProcess, ownProcesses } from '../process/processes.ts';
import type { TakeOver } from '../process/roles.ts';
import { ensureRunDirectory, hasAttachmentRecords } from '../process/run-directory.ts';
import { readEndpointMaps } from '../system/nft.ts';
import { VERSION } from '../version.ts';
import { LISTENERS_AT_ONCE } from './bridges/listener-launch.ts';
import { Forwarder, type ForwarderOptions } from './forwarder.ts';
import { sayReady } from './heartbeat.ts';
import { adoptListeners, announceSuccession, replaceListeners, succeedForwarder } from './succession.ts';

export interface StartOptions extends ForwarderOptions {
  readonly takeOver: TakeOver;
}

/**
 * Starts the forwarder, in the place of one that runs; resolves with the report of its first sync, when it serves. When it
 * rejects nothing is left of it that was not there before.
 */
export async function startForwarder(
  options: StartOptions,
): Promise<{ forwarder: Forwarder; report: SyncReport | Failed }> {
  ensureRunDirectory();
  chmodSync(RUN_DIRECTORY, 0o711);
  const forwarder = await Forwarder.create(options);
  forwarder.log.info({ version: VERSION, workers: options.settings.workers }, 'forwarder starts');
  const running = ownProcesses().filter(({ role }) => role === 'forwarder' || role === 'listener');
  try {
    return { forwarder, report: await begin(forwarder, options, running) };
  } catch (error) {
    // Listeners that ran before wait for another forwarder.
    await forwarder.giveUp({ keepListeners: running.length > 0 });
    throw error;
  }
}

async function begin(
  forwarder: Forwarder,
  { run, takeOver, again }: StartOptions,
  running: readonly OwnProcess[],
): Promise<SyncReport | Failed> {
  const { log, dataPlane, bridges } = forwarder;
  const maps = await readEndpointMaps(run);
  if (maps.size === 0 && hasAttachmentRecords()) {
    // It comes back after a crash, and somebody has flushed nft meanwhile.
    log.error({ remedy: 'tproxy apply' }, 'guests are recorded, but nft has no endpoints');
  }
  // Where others serve, nothing is taken from them before this process can.
  if (running.length > 0) await dataPlane.ready;
  const isDeaf = running.length > 0 && !(await announceSuccession(log));
  // Sockets first: from here on listeners that look for a forwarder find this one.
  bridges.welcome(maps);
  // Listeners that run will have nobody else: should this process die it must be brought back.
  if (running.some(({ role }) => role === 'listener')) sayReady();
  // On a fresh start they come up beside the data plane.
  if (running.length === 0)
    for (const { listener } of bridges.all.slice(0, LISTENERS_AT_ONCE)) listener.prepare();
  await dataPlane.ready;
  const tookOver = await succeedForwarder(log, again, isDeaf);
  const report = await forwarder.serve(async () => {
    // One that was started at the same time may have put its own in their place, and is gone now.
    for (const bridge of bridges.all) bridge.beReachable();
    await adoptListeners(bridges.byName);
    if (takeOver === 'replace') await replaceListeners(bridges.byName, log);
  });
  log.info({ bridges: bridges.all.length, took_over: tookOver }, 'forwarder ready');
  return report;
}
