import { isSeq } from 'yaml';
import { instead, type Words } from './mapping.ts';
import type { Problem } from './problem.ts';
import { type Place, problemAt, type Reads } from './schema.ts';

export interface ListWords extends Words {
  /** What one of its items is called, and several: `entry`, `entries`. */
  readonly item: string;
  readonly items: string;
  /** How many may be read; a list of aliases could name millions. */
  readonly max: number;
}

export interface Item<T> {
  /** Its place in the list, from 1. */
  readonly number: number;
  readonly value: T;
}

/** A list of whatever `reads` reads: the items that have a value, in the order of the file. */
export function list<T>(reads: Reads<T>, words: ListWords): Reads<readonly Item<T>[]> {
  return (written, place, source) => {
    if (!isSeq(written)) return { problems: [instead(written, words, place, source)] };
    const items: Item<T>[] = [];
    const problems: Problem[] = [];
    if (written.items.length > words.max) {
      const message = `${place.name} has ${written.items.length} ${words.items}; the first ${words.max} count`;
      problems.push(problemAt(place, message, 'take out what is not needed'));
    }
    for (const [index, node] of written.items.slice(0, words.max).entries()) {
      const number = index + 1;
      const at = source.position(node);
      const outcome = reads(
        source.resolve(node) ?? null,
        itemPlace(`${words.item} ${number}`, place, at),
        source,
      );
      problems.push(...outcome.problems);
      if (outcome.value !== undefined) items.push({ number, value: outcome.value });
    }
    return { value: items, problems };
  };
}

/** `entry 1 of :tproxy:`, or `rule 1 of client web-1`: the key of the list is told where nothing else says whose it is. */
function itemPlace(called: string, { key, name, owner, style }: Place, at: Place['at']): Place {
  const inside = ` of ${called}${owner}`;
  return { at, key, name: `${called}${owner === '' ? ` of ${name}` : owner}`, owner, inside, style };
}
