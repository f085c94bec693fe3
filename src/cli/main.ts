import { realpathSync } from 'node:fs';
import { CommanderError } from 'commander';
import { defaultConfigPath } from '../config/path.ts';
import { ExitCode, explainFileTrouble, messageOf, TproxyError } from '../errors.ts';
import type { Io } from './io.ts';
import { processIo } from './process-io.ts';
import { buildProgram, exitCodeOf } from './program.ts';

/** Runs a command line with the streams of this process; its exit code. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const io = processIo();
  const code = await run(argv, io);
  const lost = await io.lost();
  if (lost === undefined) return code;
  io.err(`ERROR: standard output can't be written: ${lost}; check the file or device it is redirected to`);
  return code === ExitCode.ok ? ExitCode.failed : code;
}

/** A known error prints one line, an unknown one is a bug and prints its stack. */
async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = ExitCode.ok;
  const config = defaultConfigPath(realpathSync(argv[1] ?? '.'));
  const program = buildProgram(io, config, (result) => {
    code = result;
  });
  try {
    if (argv.length <= 2) {
      io.err(program.helpInformation().trimEnd());
      return ExitCode.usage;
    }
    await program.parseAsync(argv as string[]);
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return exitCodeOf(thrown);
    const error = explainFileTrouble(thrown);
    if (error instanceof TproxyError) {
      for (const line of error.message.split('\n')) io.err(`ERROR: ${line}`);
      return error.exitCode;
    }
    io.err(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    return ExitCode.failed;
  }
}
