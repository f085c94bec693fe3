import { isMap } from 'yaml';
import { duplicateKey } from './complaints.ts';
import type { Judge } from './judge.ts';
import { instead, type Words } from './mapping.ts';
import type { Problem } from './problem.ts';
import { type Place, placeOf, problemAt, type Reads } from './schema.ts';
import type { Field } from './yaml-source.ts';

export interface NamedWords extends Words {
  /** What one of them is called in messages: `client`. Without it, its name says enough. */
  readonly item?: string;
  readonly items: string;
  readonly max: number;
  /** Judges the names. */
  readonly name: Judge<string>;
  /** Names with the same key are the same. Default: the name itself. */
  readonly sameAs?: (name: string) => string;
}

/** A mapping whose keys are names that somebody has chosen. Each is as `reads` reads its value; what is faultless is in it. */
export function named<T>(reads: Reads<T>, words: NamedWords): Reads<ReadonlyMap<string, T>> {
  const { item, items, max, name: judge, sameAs = (name: string) => name } = words;
  return (written, place, source) => {
    if (!isMap(written)) return { problems: [instead(written, words, place, source)] };
    const fields = source.fields(written);
    const firsts = new Map<string, Field>();
    const values = new Map<string, T>();
    const problems: Problem[] = [];
    if (fields.length > max) {
      const message = `${place.name} has ${fields.length} ${items}; the first ${max} count`;
      problems.push(problemAt(place, message, 'take out what is not needed'));
    }
    for (const field of fields.slice(0, max)) {
      const first = firsts.get(sameAs(field.key));
      if (first !== undefined) {
        problems.push(duplicateKey(field, first, place));
        continue;
      }
      firsts.set(sameAs(field.key), field);
      const own = placeOfNamed(field, place, item);
      const verdict = judge(field.key);
      if ('faults' in verdict) {
        problems.push(
          ...verdict.faults.map(({ wrong, remedy }) => problemAt(own, `${own.name} ${wrong}`, remedy)),
        );
        continue;
      }
      const outcome = reads(field.value ?? null, own, source);
      problems.push(...outcome.problems);
      if (outcome.value !== undefined) values.set(verdict.value, outcome.value);
    }
    return { value: values, problems };
  };
}

function placeOfNamed({ key, at }: Field, around: Place, item: string | undefined): Place {
  if (item === undefined) return placeOf(key, at, around);
  const { owner, style } = around;
  const name = `${item} ${style.show(key)}${owner}`;
  return { at, key, name, owner, inside: ` of ${name}`, style };
}
