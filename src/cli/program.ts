import { Argument, Command } from 'commander';
import { ExitCode, InputError } from '../errors.ts';
import { VERSION } from '../version.ts';
import type { DriverOptions } from './commands/concerns.ts';
import type { SyncFlags } from './commands/sync.ts';
import type { Io } from './io.ts';
import { addObservers } from './observers.ts';

/** Options of every command. */
interface Common {
  /** Path of OpenNebulaNetwork.conf. */
  readonly config: string;
}

/** One bridge by hand. */
interface ByHand {
  readonly bridge?: string;
  readonly network?: string;
  readonly networkId?: string;
}

/**
 * The command line. Commands are loaded when they are called: `status` shall not wait for the code of `up`.
 * `exit` hears the exit code.
 */
export function buildProgram(io: Io, defaultConfig: string, exit: (code: ExitCode) => void): Command {
  const program = new Command('tproxy')
    .description('Transparent proxy for hypervisors: guests reach selected services at 169.254.16.9')
    .version(VERSION, '-V, --version')
    .option('--config <file>', 'path of OpenNebulaNetwork.conf', defaultConfig)
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    })
    .showHelpAfterError('(tproxy --help shows the commands)')
    .exitOverride()
    .allowExcessArguments(false);
  const common = (): Common => program.opts<Common>();

  const daemonVerbs: readonly (readonly ['start' | 'stop' | 'restart' | 'reload', string])[] = [
    ['start', 'start the daemons for the endpoints in nft; without any, stop running daemons'],
    ['stop', 'stop all daemons immediately'],
    ['restart', 'replace the running daemons; guests do not notice'],
    ['reload', 'update the running daemons to the endpoints in nft'],
  ];
  for (const [verb, description] of daemonVerbs) {
    program
      .command(verb)
      .description(description)
      .action(async () => {
        const { daemonVerb } = await import('./commands/daemons.ts');
        exit(await daemonVerb(verb, common().config, io));
      });
  }

  addObservers(program, io, exit);

  program
    .command('doctor')
    .description('test the path from the guests to their services and show what to fix; changes nothing')
    .option('--bridge <name>', 'check this bridge only')
    .option('--json', 'print JSON')
    .action(async ({ bridge, json }: { readonly bridge?: string; readonly json?: boolean }) => {
      const { doctor } = await import('./commands/doctor.ts');
      const options = {
        configFile: common().config,
        standardConfigFile: defaultConfig,
        executable: process.argv[1] ?? 'tproxy',
        json: json === true,
      };
      exit(await doctor(bridge === undefined ? options : { ...options, bridge }, io));
    });

  program
    .command('check')
    .description('show all errors in the configuration')
    .argument('[file]', 'check this file instead of that of --config')
    .action(async (file: string | undefined) => {
      const { check } = await import('./commands/check.ts');
      exit(await check({ file: file ?? common().config }, io));
    });

  const wholeHost: readonly (readonly ['apply' | 'plan', string])[] = [
    ['apply', 'apply the configuration to the whole host, including running guests'],
    ['plan', 'show what apply would change'],
  ];
  for (const [verb, description] of wholeHost) {
    program
      .command(verb)
      .description(description)
      .action(async () => {
        const commands = await import('./commands/apply.ts');
        exit(await commands[verb](common().config, io));
      });
  }

  describing(program, io, exit);

  program
    .command('sync')
    .description('on the front-end: copy program and configuration to the hypervisors and apply them')
    .argument('[host...]', 'hypervisors; default: all hosts in OpenNebula')
    .option('--dry-run', 'show what would change on each host; change nothing')
    .option('--no-onehost', 'copy over ssh even if onehost is available')
    .option('--remote-dir <directory>', 'remotes directory on the hypervisors', '/var/tmp/one')
    .option('--ssh-config <file>', 'configuration of ssh and scp, instead of ~/.ssh/config')
    .action(async (hosts: readonly string[], given: SyncFlags) => {
      const { sync } = await import('./commands/sync.ts');
      exit(
        await sync({ ...given, configFile: common().config, hosts, executable: process.argv[1] ?? '.' }, io),
      );
    });

  const drivers: readonly (readonly ['up' | 'down', string])[] = [
    ['up', 'set up the bridges of a VM: read its base64 template from standard input, or use --bridge'],
    ['down', 'release the bridges of a VM: read its base64 template from standard input, or use --bridge'],
  ];
  for (const [direction, description] of drivers) {
    program
      .command(direction)
      .description(description)
      .option('--bridge <name>', 'one bridge, instead of a template')
      .option('--network <name>', 'name of its virtual network')
      .option('--network-id <id>', 'id of its virtual network')
      // OpenNebula gives its hooks arguments of its own.
      .argument('[ignored...]', 'arguments that OpenNebula passes to its hooks')
      .action(async (_ignored: string[], given: ByHand) => {
        const options = driverOptions(common().config, given);
        if (direction === 'up') exit(await (await import('./commands/up.ts')).up(options, io));
        else exit(await (await import('./commands/down.ts')).down(options, io));
      });
  }
  return program;
}

/** Commands that tell of the command line itself. */
function describing(program: Command, io: Io, exit: (code: ExitCode) => void): void {
  program
    .command('completion')
    .description('print a shell completion script')
    .addArgument(new Argument('<shell>', 'bash or zsh').choices(['bash', 'zsh']))
    .action(async (shell: 'bash' | 'zsh') => {
      const { completion } = await import('./commands/describe.ts');
      exit(completion(program, shell, io));
    });

  program
    .command('manual')
    .description('print the manual page: tproxy manual | man -l -')
    .action(async () => {
      const { manual } = await import('./commands/describe.ts');
      exit(manual(program, io));
    });
}

function driverOptions(configFile: string, { bridge, network, networkId }: ByHand): DriverOptions {
  if (bridge === undefined) {
    if (network !== undefined || networkId !== undefined) {
      throw new InputError('--network and --network-id need --bridge', {
        remedy: 'add --bridge <name>',
        exitCode: ExitCode.usage,
      });
    }
    return { configFile };
  }
  return {
    configFile,
    byHand: {
      bridge,
      ...(network === undefined ? {} : { network }),
      ...(networkId === undefined ? {} : { networkId }),
    },
  };
}

/** Exit code of an error that commander threw: its own usage errors are 2, `--help` and `--version` are 0. */
export function exitCodeOf(error: { readonly exitCode: number }): ExitCode {
  return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
}
