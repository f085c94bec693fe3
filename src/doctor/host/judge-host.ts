import type { LoadedConfig } from '../../config/load.ts';
import { formatProblem } from '../../config/reader/problem.ts';
import type { Trouble } from '../../process/troubles.ts';
import type { NftTables } from '../../system/nft.ts';
import { counted } from '../../words.ts';
import { type Finding, failed, ok, warning } from '../check.ts';

const SHOWN_PROBLEMS = 3;
/** Free space below which logs or records may soon not be written, and below which they surely are not. */
const LITTLE_BYTES = 64 << 20;
const TOO_LITTLE_BYTES = 1 << 20;

export function judgeRoot(uid: number | undefined): Finding {
  return uid === 0 ? ok('yes') : failed('you are not root', 'run it with sudo: sudo tproxy doctor');
}

export function judgeConfiguration({ file, state, config, problems }: LoadedConfig): Finding {
  const remedy = `correct it: tproxy check ${file}`;
  const shown = (list: typeof problems): string => {
    const texts = list.slice(0, SHOWN_PROBLEMS).map((problem) => formatProblem(problem, file));
    return [...texts, ...(list.length > SHOWN_PROBLEMS ? [`${list.length - SHOWN_PROBLEMS} more`] : [])].join(
      '\n',
    );
  };
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (state === 'unreadable' || state === 'faulty') return failed(shown(errors), remedy);
  if (problems.length > 0) return warning(shown(problems), remedy);
  if (state === 'missing') return ok(`there is no ${file}: no services`);
  const { services } = config;
  return ok(`${file}: ${counted(services.length, 'service')}`);
}

/** What hooks could not do for NICs whose VMs run all the same. */
export function judgeTroubles(troubles: readonly Trouble[]): Finding {
  if (troubles.length === 0) return ok('none has failed');
  const lines = troubles
    .slice(0, SHOWN_PROBLEMS)
    .map(
      ({ vmId, nicId, bridge, at, reason }) =>
        `VM ${vmId}, NIC ${nicId} on ${bridge}, ${new Date(at).toISOString()}: ${reason}`,
    );
  const more = troubles.length > SHOWN_PROBLEMS ? [`${troubles.length - SHOWN_PROBLEMS} more`] : [];
  return failed([...lines, ...more].join('\n'), 'remove the cause, then run tproxy apply');
}

/** Our tables, once they could be read. */
export function judgeTables({ ip, bridge }: NftTables): Finding {
  if (ip === undefined && bridge === undefined) return ok('none yet');
  return ok(
    `${counted(ip?.endpointMaps.size ?? 0, 'endpoint map')}, ${counted(bridge?.chains.size ?? 0, 'chain')}`,
  );
}

/** Room on the file system of a directory. */
export function judgeDisk(directory: string, freeBytes: number, freeFiles: number): Finding {
  const megabytes = Math.floor(freeBytes / 2 ** 20);
  const seen = freeFiles === 0 ? 'no inode is free' : `${megabytes} MB free`;
  const remedy = `make room: du -xh ${directory} | sort -h | tail`;
  if (freeBytes < TOO_LITTLE_BYTES || freeFiles === 0) return failed(seen, remedy);
  return freeBytes < LITTLE_BYTES ? warning(seen, remedy) : ok(seen);
}

/** The part of a log that matters: lines of warnings and errors younger than `withinMs`. */
export function judgeLog(file: string, text: string, nowMs: number, withinMs: number): Finding {
  const lines = text.split('\n').flatMap((line) => {
    const found = parseLine(line);
    return found !== undefined && found.level >= ERROR && nowMs - found.time <= withinMs ? [found] : [];
  });
  const last = lines.at(-1);
  const minutes = Math.round(withinMs / 60_000);
  if (last === undefined) return ok(`no error in the last ${minutes} minutes`);
  const count = `${counted(lines.length, 'error')} in the last ${minutes} minutes`;
  return warning(`${count}, the last one: ${last.text}`, `read ${file}`);
}

/** pino's number for errors. */
const ERROR = 50;

function parseLine(line: string): { level: number; time: number; text: string } | undefined {
  try {
    const { level, time, msg, reason } = JSON.parse(line) as Record<string, unknown>;
    if (typeof level !== 'number' || typeof time !== 'number') return undefined;
    return { level, time, text: [msg, reason].filter((part) => typeof part === 'string').join(': ') };
  } catch {
    return undefined;
  }
}
