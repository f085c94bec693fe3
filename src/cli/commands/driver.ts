import { fileURLToPath } from 'node:url';
import type { Config } from '../../config/config.ts';
import { resolveNames } from '../../config/resolve.ts';
import { AddressBook } from '../../driver/addresses.ts';
import { attachmentsIn } from '../../driver/attachments/attachments.ts';
import type { DriverDeps, Reporter } from '../../driver/deps.ts';
import { rememberedAbility } from '../../driver/nft-ability.ts';
import { type ExitCode, explainFileTrouble, TproxyError } from '../../errors.ts';
import { serves, sync } from '../../operate/verbs.ts';
import { withLock } from '../../process/lock.ts';
import { ABILITY_FILE, RUN_DIRECTORY } from '../../process/paths.ts';
import { thisHost } from '../../system/host.ts';
import { runProgram } from '../../system/run.ts';
import { runningTogether } from '../../system/together.ts';
import type { Io } from '../io.ts';

/** Makes the driver's seams; tests give their own. */
export type MakeDeps = (wanted: Wanted, report: Reporter) => DriverDeps;

/** What the seams need of the configuration. */
export type Wanted = Pick<Config, 'settings' | 'policing'>;

export const realDeps: MakeDeps = ({ settings, policing }, report) => ({
  run: runningTogether(runProgram, fileURLToPath(new URL('./together', import.meta.url))),
  host: thisHost,
  daemons: {
    sync: (bridge) => sync({ run: runProgram, settings, warn: (text) => report.warning(text) }, bridge),
    serves: (bridge, endpoints) => serves({ run: runProgram, settings }, bridge, endpoints),
  },
  attachments: attachmentsIn(`${RUN_DIRECTORY}/attachments`),
  addresses: new AddressBook(resolveNames),
  report,
  policing,
  nft: rememberedAbility(runProgram, { file: ABILITY_FILE, mode: 'keep' }),
  withLock,
});

/** Lines as the stock drivers write them: `INFO: pre: …`; by hand there is no phase. */
export function reporterOn(io: Io, phase?: 'pre' | 'clean'): Reporter {
  const say = (level: string, text: string): void => {
    for (const line of text.split('\n'))
      io.err(`${level}: ${phase === undefined ? '' : `${phase}: `}${line}`);
  };
  return {
    info: (text) => say('INFO', text),
    warning: (text) => say('WARNING', text),
    error: (text) => say('ERROR', text),
  };
}

/** Runs a command and reports what an operator has to know; a bug goes on to the caller with its stack. */
export async function reporting(report: Reporter, fn: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await fn();
  } catch (thrown) {
    const error = explainFileTrouble(thrown);
    if (!(error instanceof TproxyError)) throw error;
    report.error(error.message);
    return error.exitCode;
  }
}
