import { parseArgs } from 'node:util';
import { type Report, type TortureOptions, torture } from './torture.ts';

const USAGE = `npm run torture -- [--short] [--reloads N] [--restarts N] [--kills N] [--stops N] [--minutes M] [--seed N]`;
const FULL = { reloads: '1000', restarts: '50', kills: '50', stops: '5', minutes: '10' };
const SHORT = { reloads: '40', restarts: '4', kills: '4', stops: '0', minutes: '0.3' };

function optionsFrom(args: readonly string[]): TortureOptions {
  const number = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean', default: false },
      reloads: number,
      restarts: number,
      kills: number,
      stops: number,
      minutes: number,
      seed: number,
    },
  });
  const given = { seed: String(Date.now() % 1_000_000), ...(values.short ? SHORT : FULL), ...values };
  const read = (name: keyof typeof FULL | 'seed', least: number): number => {
    const value = Number(given[name]);
    if (!Number.isFinite(value) || value < least)
      throw new Error(`--${name} ${given[name]}: a number from ${least} on`);
    return value;
  };
  return {
    reloads: read('reloads', 4),
    restarts: read('restarts', 1),
    kills: read('kills', 0),
    stops: read('stops', 0),
    minutes: read('minutes', 0.1),
    seed: read('seed', 1),
    say: (line) => console.log(line),
  };
}

function table({ connections, operations, seconds, examples, ok }: Report): string {
  const { byKind, bytes, slowestMs, ...counts } = connections;
  const ms = (value: number) => `${Math.round(value)} ms`;
  const rows: (readonly [string, string | number])[] = [
    [
      'connections',
      `${counts.connections} (${Object.entries(byKind)
        .map(([kind, n]) => `${kind} ${n}`)
        .join(', ')})`,
    ],
    ['bytes', `${(bytes / 2 ** 30).toFixed(2)} GiB`],
    ['refused, though the service was there', counts.refused],
    ['refused, because it was not', counts.rightlyRefused],
    ['broken relays', counts.broken],
    ['relays of killed forwarders', counts.killed],
    ['wrong bytes', counts.wrongBytes],
    ['wrong upstream', counts.wrongUpstream],
    ['timeouts', counts.timeouts],
    ['slowest connection', ms(slowestMs)],
    ['reloads', `${operations.reloads}, the slowest ${ms(operations.slowestReloadMs)}`],
    ['restarts', `${operations.restarts}, the slowest ${ms(operations.slowestRestartMs)}`],
    ['verbs that failed', operations.failedVerbs],
    ['forwarders killed, stopped', `${operations.killedForwarders}, ${operations.stoppedForwarders}`],
    ['listeners killed, stopped', `${operations.killedListeners}, ${operations.stoppedListeners}`],
    ['watches killed', operations.killedWatches],
    ['longest without service', ms(operations.slowestRecoveryMs)],
    ['back too late', operations.late],
    ['seconds', Math.round(seconds)],
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(40)}${value}`);
  const verdict = ok ? 'ok: descriptors, memory and processes are where they began' : 'FAILED';
  return [...lines, ...examples.map((example) => `! ${example}`), verdict].join('\n');
}

/** Far above what any run takes: a hang must end, too. */
function deadline(minutes: number): void {
  const late = setTimeout(
    () => {
      console.error('torture: does not end; killed');
      process.exit(1);
    },
    (minutes + 20) * 60_000,
  );
  late.unref();
}

try {
  const options = optionsFrom(process.argv.slice(2));
  deadline(options.minutes);
  console.log(`torture: seed ${options.seed}`);
  const report = await torture(options);
  console.log(table(report));
  process.exitCode = report.ok ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  console.error(USAGE);
  process.exitCode = 1;
}
