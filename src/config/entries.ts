import { isSeq, type Node } from 'yaml';
import { type Entry, parseEntry } from './entry.ts';
import type { Position, Problem } from './problem.ts';
import { findShadowed } from './shadowed.ts';
import { describe } from './written.ts';
import type { YamlSource } from './yaml-source.ts';

export interface ParsedEntries {
  /** Faultless ones in the order of the file. */
  readonly entries: readonly Entry[];
  readonly problems: readonly Problem[];
}

/** Far more than anybody offers; a list of aliases could name millions. */
const MAX_ENTRIES = 10_000;

/** The value of `:tproxy:`; `at` is where to point when it is no list. No value means no services. */
export function parseEntries(value: Node | undefined, at: Position, source: YamlSource): ParsedEntries {
  const written = source.plain(value);
  if (written === null) return { entries: [], problems: [] };
  if (!isSeq(value)) {
    const message = `:tproxy: ${describe(written)} and no list of services`;
    const remedy = 'begin each service with a dash: "- :service_port: 5030"';
    return { entries: [], problems: [{ severity: 'error', ...at, key: 'tproxy', message, remedy }] };
  }
  const entries: Entry[] = [];
  const problems: Problem[] = [];
  if (value.items.length > MAX_ENTRIES) {
    const message = `:tproxy: has ${value.items.length} entries; the first ${MAX_ENTRIES} count`;
    problems.push({
      severity: 'error',
      ...at,
      key: 'tproxy',
      message,
      remedy: 'take out what is not needed',
    });
  }
  for (const [index, item] of value.items.slice(0, MAX_ENTRIES).entries()) {
    const parsed = parseEntry(item, index + 1, source);
    if ('entry' in parsed) entries.push(parsed.entry);
    else problems.push(...parsed.problems);
  }
  return { entries, problems: [...problems, ...findShadowed(entries)] };
}
