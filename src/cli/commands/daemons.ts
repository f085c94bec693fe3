import { loadConfig } from '../../config/load.ts';
import { type Repairing, repairBeforeDaemons } from '../../driver/repair.ts';
import { ExitCode } from '../../errors.ts';
import type { Settings } from '../../model/settings.ts';
import { reload, restart, start, stop } from '../../operate/verbs.ts';
import { withLock } from '../../process/lock.ts';
import { hasAttachmentRecords } from '../../process/run-directory.ts';
import { runProgram } from '../../system/run.ts';
import { settingsForDaemons } from '../configuration.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';

/** `tproxy start`, `stop`, `restart`, `reload`. The requested state is in effect when the result is `ok`. */
export async function daemonVerb(
  verb: 'start' | 'stop' | 'restart' | 'reload',
  configFile: string,
  io: Io,
): Promise<ExitCode> {
  demandRoot(verb);
  if (verb === 'stop') {
    await withLock(stop);
    return ExitCode.ok;
  }
  const warn = (text: string): void => io.err(`WARNING: ${text}`);
  const settings = await settingsForDaemons(configFile, io);
  const act = { start, restart, reload }[verb];
  await withLock(async () => {
    await repair(configFile, settings, io);
    await act({ run: runProgram, settings, warn });
  });
  return ExitCode.ok;
}

/** Daemons follow nft. What it has lost of bridges with guests is put back first, or nobody would be served without a word. */
async function repair(configFile: string, settings: Settings, io: Io): Promise<void> {
  if (!hasAttachmentRecords()) return;
  const { reporterOn, realDeps } = await import('./driver.ts');
  const wanted = async (): Promise<Repairing> => {
    const { config, state } = await loadConfig(configFile);
    const known = state === 'faultless' || state === 'faulty';
    const { policing } = config;
    const deps = realDeps({ settings, policing: known ? policing : undefined }, reporterOn(io));
    return { services: known ? config.services : undefined, deps };
  };
  await repairBeforeDaemons(wanted, realDeps({ settings, policing: undefined }, reporterOn(io)));
}
