import { attachmentsIn } from '../../driver/attachments/attachments.ts';
import { applyHost, type BridgeOutcome, planHost } from '../../driver/host.ts';
import { rememberedAbility } from '../../driver/nft-ability.ts';
import { words } from '../../driver/plan/step-words.ts';
import { ExitCode, messageOf } from '../../errors.ts';
import { missingProcesses } from '../../operate/missing.ts';
import { start } from '../../operate/verbs.ts';
import { ABILITY_FILE, RUN_DIRECTORY } from '../../process/paths.ts';
import { TroubleBook } from '../../process/troubles.ts';
import { runProgram } from '../../system/run.ts';
import { faultlessConfiguration } from '../configuration.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';
import { realDeps, reporterOn } from './driver.ts';

/** `tproxy apply`: brings the whole host, running guests included, to what the configuration asks for. */
export async function apply(configFile: string, io: Io): Promise<ExitCode> {
  demandRoot('apply');
  const { services, ...wanted } = await faultlessConfiguration(configFile, io, WORDS);
  const { settings } = wanted;
  const deps = realDeps(wanted, reporterOn(io));
  // A name server may take seconds: not while others wait for the lock.
  await deps.addresses.learn(services ?? []);
  return deps.withLock(async () => {
    const outcomes = await applyHost(services, deps);
    printOutcomes(outcomes, io);
    try {
      await start({ run: runProgram, settings, warn: (text) => io.err(`WARNING: ${text}`) });
    } catch (error) {
      io.err(`ERROR: ${messageOf(error)}`);
      return ExitCode.failed;
    }
    const troubles = new TroubleBook();
    for (const { bridge, decision } of outcomes) if (decision !== 'failed') troubles.clearBridge(bridge);
    return exitCodeOf(outcomes);
  });
}

/** `tproxy plan`: what `apply` would do. Changes nothing. */
export async function plan(configFile: string, io: Io): Promise<ExitCode> {
  demandRoot('plan');
  const { services, ...wanted } = await faultlessConfiguration(configFile, io, WORDS);
  const deps = {
    ...realDeps(wanted, reporterOn(io)),
    attachments: attachmentsIn(`${RUN_DIRECTORY}/attachments`, 'look-only'),
    nft: rememberedAbility(runProgram, { file: ABILITY_FILE, mode: 'look-only' }),
  };
  const outcomes = await planHost(services, deps);
  const served = outcomes.filter(({ endpoints }) => endpoints.length > 0).map(({ bridge }) => bridge);
  printOutcomes(outcomes, io, missingProcesses(served));
  return exitCodeOf(outcomes);
}

const WORDS = { refused: 'nothing was changed', missing: 'guests keep the services that they have' };

function printOutcomes(outcomes: readonly BridgeOutcome[], io: Io, processes: readonly string[] = []): void {
  for (const { bridge, decision, why, steps } of outcomes) {
    if (decision === 'failed') io.err(`ERROR: ${why}`);
    else if (decision === 'leave') io.out(`${bridge}: left as it is: ${why}`);
    else if (decision === 'remove' && steps.length > 0) io.out(`${bridge}: removed, ${why}`);
    for (const step of steps) io.out(`${bridge}: ${words(step)}`);
  }
  for (const line of processes) io.out(line);
  const quiet = outcomes.every(({ steps }) => steps.length === 0) && processes.length === 0;
  if (quiet) io.out('nothing to do');
}

function exitCodeOf(outcomes: readonly BridgeOutcome[]): ExitCode {
  return outcomes.some(({ decision }) => decision === 'failed') ? ExitCode.failed : ExitCode.ok;
}
