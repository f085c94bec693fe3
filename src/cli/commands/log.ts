import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, InputError } from '../../errors.ts';
import { isBridgeName } from '../../model/names.ts';
import type { Io } from '../io.ts';
import { type Filter, LEVELS } from '../log/filter.ts';
import { formatEntry } from '../log/format.ts';
import type { Entry } from '../log/log-entry.ts';
import { Sources } from '../log/sources.ts';
import { styleFor } from '../text/style.ts';

/** The command line, word by word. */
export interface LogOptions {
  readonly bridge?: readonly string[];
  readonly service?: readonly string[];
  readonly guest?: readonly string[];
  readonly outcome?: readonly string[];
  readonly level?: string;
  readonly lines: string;
  readonly follow: boolean;
}

const LOOK_EVERY_MS = 250;

/** `tproxy log`: the last lines of all logs, for people, then what is written from now on. */
export async function log(options: LogOptions, io: Io): Promise<ExitCode> {
  const count = parseCount(options.lines);
  const sources = new Sources(parseFilter(options));
  const style = styleFor(io.colour === true);
  const print = async (entries: readonly Entry[]): Promise<void> => {
    for (const entry of entries) io.out(formatEntry(entry, style));
    await io.drained?.();
  };
  try {
    await print(sources.last(count));
    while (options.follow && io.isLeft?.() !== true) {
      await sleep(LOOK_EVERY_MS);
      await print(sources.more());
    }
  } finally {
    sources.close();
  }
  return ExitCode.ok;
}

function parseFilter({ bridge = [], service = [], guest = [], outcome = [], level }: LogOptions): Filter {
  for (const name of bridge) {
    if (!isBridgeName(name))
      throw usage(
        `--bridge ${name}: not a valid bridge name`,
        'write the name of a bridge (ip link show type bridge)',
      );
  }
  return {
    bridges: bridge,
    services: service.map(parseService),
    guests: guest.map(parseGuest),
    outcomes: outcome,
    ...(level === undefined ? {} : { level: parseLevel(level) }),
  };
}

/** `5030` or `169.254.16.9:5030`. */
function parseService(text: string): number {
  const port = Number(/^(?:[\d.]+:)?(\d{1,5})$/.exec(text)?.[1]);
  if (port >= 1 && port <= 65_535) return port;
  throw usage(`--service ${text}: not a service port`, 'write a number from 1 to 65535');
}

function parseGuest(text: string): string {
  if (/^\d+(?:\.\d+){3}(?::\d+)?$/.test(text)) return text;
  throw usage(`--guest ${text}: not an IPv4 address`, 'write ADDRESS or ADDRESS:PORT');
}

function parseLevel(text: string): (typeof LEVELS)[number] {
  const level = LEVELS.find((word, number) => word === text.toLowerCase() || String(number) === text);
  if (level !== undefined) return level;
  throw usage(`--level ${text}: not a level`, `write ${LEVELS.join(', ')}, or 0 to 3`);
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage(`--lines ${text}: not a number of lines`, 'write a whole number');
}

function usage(what: string, remedy: string): InputError {
  return new InputError(what, { remedy, exitCode: ExitCode.usage });
}
