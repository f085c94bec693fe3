import { isScalar } from 'yaml';
import { duplicateKey, unknownKey } from './complaints.ts';
import { nearest } from './nearest.ts';
import type { Position, Problem } from './problem.ts';
import {
  type Fields,
  type Key,
  type Outcome,
  type Place,
  placeOf,
  type Schema,
  type Written,
} from './schema.ts';
import type { Field, YamlSource } from './yaml-source.ts';

export interface ReadKeys<S extends Schema> {
  /** What is right, and defaults; undefined when something required is not. */
  readonly fields: Fields<S> | undefined;
  /** Where the keys of properties stand. */
  readonly positions: ReadonlyMap<string, Position>;
  /** Keys that are unknown or stand twice. */
  readonly own: readonly Problem[];
  /** What is wrong with the values of properties. */
  readonly within: ReadonlyMap<string, readonly Problem[]>;
  /** All of them. */
  readonly problems: readonly Problem[];
}

/** The fields of a mapping by `schema`. Of a key that stands twice, the first counts. */
export function readKeys<S extends Schema>(
  list: readonly Field[],
  schema: S,
  place: Place,
  source: YamlSource,
): ReadKeys<S> {
  const known = Object.values(schema).map(({ key }) => key);
  const written = new Map<string, Field>();
  const own: Problem[] = [];
  const meant = new Set<string | undefined>();
  for (const field of list) {
    const first = written.get(field.key);
    if (first !== undefined) own.push(duplicateKey(field, first, place));
    else {
      written.set(field.key, field);
      if (known.includes(field.key)) continue;
      const near = nearest(field.key, known);
      meant.add(near);
      own.push(unknownKey(field, near, known, place));
    }
  }

  const values: Record<string, unknown> = {};
  const positions = new Map<string, Position>();
  const within = new Map<string, readonly Problem[]>();
  let complete = true;
  for (const [property, entry] of Object.entries(schema)) {
    const field = written.get(entry.key);
    if (field !== undefined) positions.set(property, field.at);
    // A key that was meant by an unknown one is not missing.
    const outcome =
      field === undefined && meant.has(entry.key) ? NOTHING : readKey(entry, field, place, source);
    const result = 'value' in outcome ? outcome.value : entry.standard;
    if (result !== undefined) values[property] = result;
    else if (entry.required) complete = false;
    if (outcome.problems.length > 0) within.set(property, outcome.problems);
  }
  const problems = [...own, ...[...within.values()].flat()];
  return { fields: complete ? (values as Fields<S>) : undefined, positions, own, within, problems };
}

const NOTHING: Outcome<unknown> = { problems: [] };

function readKey<T>(
  { key, reads, required, neverEmpty }: Key<T>,
  field: Field | undefined,
  place: Place,
  source: YamlSource,
): Outcome<unknown> {
  const value = writtenOf(field);
  const empty = value === undefined || value === null;
  if (empty && !required && !(value === null && neverEmpty)) return NOTHING;
  return reads(value, placeOf(key, field?.at ?? place.at, place), source);
}

function writtenOf(field: Field | undefined): Written {
  if (field === undefined) return undefined;
  const { value = null } = field;
  return isScalar(value) && value.value === null ? null : value;
}
