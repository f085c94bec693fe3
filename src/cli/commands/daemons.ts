import { ExitCode } from '../../errors.ts';
import { reload, restart, start, stop } from '../../operate/verbs.ts';
import { withLock } from '../../process/lock.ts';
import { runProgram } from '../../system/run.ts';
import { settingsForDaemons } from '../configuration.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';

/** `tproxy start`, `stop`, `restart`, `reload`. What was asked for holds when the result is `ok`. */
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
  const options = { run: runProgram, settings: await settingsForDaemons(configFile, io), warn };
  const act = { start, restart, reload }[verb];
  await withLock(() => act(options));
  return ExitCode.ok;
}
