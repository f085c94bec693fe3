import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, PermissionError, TproxyError } from '../../errors.ts';
import { isBridgeName, PREFIX } from '../../model/names.ts';
import { forwarderLog, listenerLog } from '../../process/paths.ts';
import { type Filter, passes } from './filter.ts';
import { type Entry, parseEntry } from './log-entry.ts';
import { Tail } from './tail.ts';

/** All logs of the program: that of the forwarder and one per bridge, those that come up meanwhile included. */
export class Sources {
  private readonly tails = new Map<string, Tail>();
  private readonly filter: Filter;

  constructor(filter: Filter) {
    this.filter = filter;
  }

  /** The last entries that pass, at most `count`, in order of time. */
  last(count: number): Entry[] {
    this.look();
    const found = [...this.tails].flatMap(([path, tail]) =>
      explained(path, () => tail.last(count, (line) => this.read(line))),
    );
    return inOrder(found).slice(Math.max(0, found.length - count));
  }

  /** What was written since the last call and passes, in order of time. Damaged lines are passed over. */
  more(): Entry[] {
    this.look();
    const found: Entry[] = [];
    const take = (line: string): void => {
      const entry = this.read(line);
      if (entry !== undefined) found.push(entry);
    };
    for (const [path, tail] of this.tails) explained(path, () => tail.more(take));
    return inOrder(found);
  }

  close(): void {
    for (const tail of this.tails.values()) tail.close();
  }

  private look(): void {
    for (const path of logFiles(this.filter.bridges ?? [])) {
      if (!this.tails.has(path)) this.tails.set(path, new Tail(path));
    }
  }

  private read(line: string): Entry | undefined {
    const entry = parseEntry(line);
    return entry !== undefined && passes(entry, this.filter) ? entry : undefined;
  }
}

/** The logs that there are, of `bridges` or of all. What the daemons say of a bridge stands in the forwarder's too. */
function logFiles(bridges: readonly string[]): string[] {
  const directory = dirname(forwarderLog());
  const wanted = bridges.map((bridge) => basename(listenerLog(bridge)));
  return explained(directory, () => readdirSync(directory))
    .filter((name) => name === basename(forwarderLog()) || isListenerLog(name))
    .filter((name) => wanted.length === 0 || name === basename(forwarderLog()) || wanted.includes(name))
    .map((name) => join(directory, name));
}

function isListenerLog(name: string): boolean {
  const bridge = name.slice(PREFIX.length + 1, -'.log'.length);
  return name === basename(listenerLog(bridge)) && isBridgeName(bridge);
}

function inOrder(entries: Entry[]): Entry[] {
  return entries.sort((a, b) => a.time - b.time);
}

function explained<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EACCES' || code === 'EPERM')
      throw new PermissionError(`tproxy log: ${path} can't be read`, {
        remedy: 'run it with sudo',
        cause: error,
      });
    throw new TproxyError(`tproxy log: ${path}: ${messageOf(error)}`, {
      remedy: 'check the file system',
      cause: error,
    });
  }
}
