import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.ts';
import type { LogOptions } from './commands/log.ts';
import type { StatusOptions } from './commands/status.ts';
import type { TopOptions } from './commands/top.ts';
import type { Io } from './io.ts';
import { ORDERS } from './top/order.ts';
import { VIEWS } from './top/rows.ts';

/** The commands that look at what runs and change nothing. `exit` hears the exit code. */
export function addObservers(program: Command, io: Io, exit: (code: ExitCode) => void): void {
  program
    .command('status')
    .description('a line per running daemon, the forwarder first; exit code 3 when none runs')
    .option('-v, --verbose', 'all processes, and every service with its connections, bytes and errors')
    .option('--json', 'the same for programs (docs/status.schema.json)')
    .action(async (options: StatusOptions) => {
      const { status } = await import('./commands/status.ts');
      exit(await status(options, io));
    });

  program
    .command('top')
    .description('who has the connections and moves the bytes; live on a terminal, one sample anywhere else')
    .addOption(choice('--by <what>', 'what has a row', VIEWS).default('service'))
    .addOption(choice('--sort <column>', 'what they are sorted by', ORDERS).default('down'))
    .option('--reverse', 'the least first')
    .option('--interval <seconds>', 'between two samples', '1')
    .option('--once', 'one sample, also on a terminal')
    .option('--json', 'one sample for programs')
    .action(async (options: TopOptions) => {
      const { top } = await import('./commands/top.ts');
      exit(await top(options, io));
    });

  program
    .command('log')
    .description('show the last lines of all logs, for people, then what is written from now on')
    .option('-n, --lines <count>', 'how many of the last lines', '20')
    .option('--no-follow', 'end after them')
    .option('-b, --bridge <name...>', 'of these bridges')
    .option('-s, --service <port...>', 'connections to these service ports')
    .option('-g, --guest <address...>', 'connections of these guests')
    .option('-o, --outcome <word...>', 'connections that ended so')
    .option('-l, --level <level>', 'of this level and graver ones: error, warning, info, debug')
    .action(async (options: LogOptions) => {
      const { log } = await import('./commands/log.ts');
      exit(await log(options, io));
    });

  program
    .command('metrics')
    .description('print the metrics once, as Prometheus reads them')
    .option('--textfile <file>', "into a file for node_exporter's textfile collector")
    .action(async (options: { readonly textfile?: string }) => {
      const { metrics } = await import('./commands/metrics.ts');
      exit(await metrics(options, io));
    });
}

/** An option of which help and completion tell the words; the command itself judges them, as it does all others. */
function choice(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argChoices = [...words];
  return option;
}
