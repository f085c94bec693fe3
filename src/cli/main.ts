import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { CommanderError } from 'commander';
import { ExitCode, messageOf, TproxyError } from '../errors.ts';
import type { Io } from './io.ts';
import { buildProgram, exitCodeOf } from './program.ts';
import { escapeForTerminal } from './text/escape.ts';
import { wantsColour } from './text/style.ts';

const io: Io = {
  out: (line) => process.stdout.write(`${line}\n`),
  // What names and messages of others have in them is shown, not done; line feeds are ours.
  err: (text) => process.stderr.write(`${text.split('\n').map(escapeForTerminal).join('\n')}\n`),
  readStdin: () => text(process.stdin),
  get colour() {
    return wantsColour(process.stdout.isTTY, process.env);
  },
  drained: async () => {
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
  },
};

/** The configuration that lies beside the executable: `<vnm>/tproxy` → `<vnm>/../etc/vnm/OpenNebulaNetwork.conf`. */
function configBeside(executable: string): string {
  return new URL('../etc/vnm/OpenNebulaNetwork.conf', `file://${realpathSync(executable)}`).pathname;
}

/** Runs a command line; its exit code. A known error prints one line, an unknown one is a bug and prints its stack. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = ExitCode.ok;
  // Whoever read the results has seen enough: `tproxy log | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(ExitCode.ok);
    throw error;
  });
  const program = buildProgram(io, configBeside(argv[1] ?? '.'), (result) => {
    code = result;
  });
  try {
    if (argv.length <= 2) {
      io.err(program.helpInformation().trimEnd());
      return ExitCode.usage;
    }
    await program.parseAsync(argv as string[]);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    if (error instanceof TproxyError) {
      for (const line of error.message.split('\n')) io.err(`ERROR: ${line}`);
      return error.exitCode;
    }
    io.err(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    return ExitCode.failed;
  }
}
