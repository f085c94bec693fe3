import { isMap } from 'yaml';
import { describe } from './judge.ts';
import { readKeys } from './keys.ts';
import type { Position, Problem } from './problem.ts';
import {
  type Fields,
  isFaulty,
  type Place,
  placeOf,
  problemAt,
  type Reads,
  type Schema,
  type Written,
} from './schema.ts';
import { plainOf } from './value.ts';
import type { YamlSource } from './yaml-source.ts';

/** What is said when something else stands in the place of a mapping or a list. */
export interface Words {
  /** Completes "and no …". */
  readonly noun?: string;
  readonly remedy: string;
}

/** A mapping that was read, for those who look at it as a whole. */
export interface Whole<S extends Schema> {
  readonly fields: Fields<S>;
  readonly at: Position;
  /** Where the key of a property stands; where the mapping is, for one that is not written. */
  of(property: keyof S & string): Position;
}

/** What is wrong with a key because of others, told where the key stands; without `property`, with the mapping itself. */
export interface Contradiction<S extends Schema> {
  readonly property?: keyof S & string;
  readonly severity?: Problem['severity'];
  readonly wrong: string;
  readonly remedy: string;
}

export interface MappingOptions<S extends Schema> extends Words {
  /** Asked when everything else is right. */
  readonly contradictions?: (whole: Whole<S>) => readonly Contradiction<S>[];
}

/** A mapping with the keys of `schema`. What is faultless in it counts, as long as nothing required is missing. */
export function mapping<S extends Schema>(schema: S, words: Words): Reads<Fields<S>> {
  return (written, place, source) => {
    if (!isMap(written)) return { problems: [instead(written, words, place, source)] };
    const { fields, problems } = readKeys(source.fields(written), schema, place, source);
    return fields === undefined ? { problems } : { value: fields, problems };
  };
}

/** A mapping with the keys of `schema`, in the form that `build` gives it. With any error in it, it has no value. */
export function wholeMapping<S extends Schema, T>(
  schema: S,
  options: MappingOptions<S>,
  build: (whole: Whole<S>) => T,
): Reads<T> {
  return (written, place, source) => {
    if (!isMap(written)) return { problems: [instead(written, options, place, source)] };
    const { fields, positions, problems } = readKeys(source.fields(written), schema, place, source);
    if (fields === undefined || isFaulty(problems)) return { problems };

    const of = (property: string) => positions.get(property) ?? place.at;
    const whole = { fields, at: place.at, of };
    const all = [
      ...problems,
      ...(options.contradictions?.(whole) ?? []).map(({ property, severity, wrong, remedy }) => {
        const key = property === undefined ? undefined : schema[property]?.key;
        const subject =
          property === undefined || key === undefined ? place : placeOf(key, of(property), place);
        return problemAt(subject, `${subject.name} ${wrong}`, remedy, severity);
      }),
    ];
    return isFaulty(all) ? { problems: all } : { value: build(whole), problems: all };
  };
}

/** The problem with whatever stands where a mapping or a list belongs. */
export function instead(written: Written, words: Words, place: Place, source: YamlSource): Problem {
  const no = written === undefined || words.noun === undefined ? '' : ` and no ${words.noun}`;
  return problemAt(place, `${place.name} ${describe(plainOf(written, source))}${no}`, words.remedy);
}
