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
    .description('list the running daemons, forwarder first; exit code 3 when none is running')
    .option('-v, --verbose', 'show all processes, and connections, bytes and errors of every service')
    .option('--json', 'print the same as JSON (docs/status.schema.json)')
    .action(async (options: StatusOptions) => {
      const { status } = await import('./commands/status.ts');
      exit(await status(options, io));
    });

  program
    .command('top')
    .description('live connections and throughput; a single sample when the output is not a terminal')
    .addOption(choice('--by <what>', 'what each row shows', VIEWS).default('service'))
    .addOption(choice('--sort <column>', 'column to sort by', ORDERS).default('down'))
    .option('--reverse', 'sort ascending')
    .option('--interval <seconds>', 'time between two samples', '1')
    .option('--once', 'take one sample and exit')
    .option('--json', 'print one sample as JSON')
    .action(async (options: TopOptions) => {
      const { top } = await import('./commands/top.ts');
      exit(await top(options, io));
    });

  program
    .command('log')
    .description('show the end of all logs in readable form, then follow them')
    .option('-n, --lines <count>', 'number of lines to start with', '20')
    .option('--no-follow', 'exit instead of following')
    .option('-b, --bridge <name...>', 'only these bridges')
    .option('-s, --service <port...>', 'connections to these service ports')
    .option('-g, --guest <address...>', 'connections of these guests')
    .option('-o, --outcome <word...>', 'connections with this outcome')
    .option('-l, --level <level>', 'minimum level: error, warning, info, debug')
    .action(async (options: LogOptions) => {
      const { log } = await import('./commands/log.ts');
      exit(await log(options, io));
    });

  program
    .command('metrics')
    .description('print the metrics once, in the Prometheus text format')
    .option('--textfile <file>', "write them to a file for node_exporter's textfile collector")
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
