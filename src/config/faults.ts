import type { core } from 'zod/mini';
import type { Place } from './collect-fields.ts';
import { nearest } from './nearest.ts';
import { type Position, type Problem, quote } from './problem.ts';
import type { Fault } from './verdict.ts';

/** What messages about the keys of one mapping need. */
export interface Surroundings {
  readonly fields: ReadonlyMap<string, Place>;
  /** Where to point for a missing key. */
  readonly whole: Position;
  /** Ends the name of the key in messages: ` of entry 2`. */
  readonly owner: string;
  readonly known: readonly string[];
}

/** Problems from what zod found, one for each unknown key and each fault. A key that was meant by an unknown one is not missing. */
export function problemsOf(issues: readonly core.$ZodIssue[], around: Surroundings): readonly Problem[] {
  const unknown = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  const meant = new Set(unknown.map((key) => nearest(key, around.known)));
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, around));
    const [key, item] = issue.path;
    if (!around.fields.has(String(key)) && meant.has(String(key))) return [];
    const remedy = issue.code === 'custom' ? String(issue.params?.remedy) : 'correct it';
    const fault = { wrong: issue.message, remedy, ...(typeof item === 'number' ? { item } : {}) };
    return [faultProblem(String(key), fault, around)];
  });
}

export function faultProblem(key: string, { wrong, remedy, item }: Fault, around: Surroundings): Problem {
  const place = around.fields.get(key);
  const at = (item === undefined ? undefined : place?.items[item]) ?? place?.at ?? around.whole;
  return { severity: 'error', ...at, key, message: `:${key}:${around.owner} ${wrong}`, remedy };
}

export function unknownKey(key: string, { fields, whole, owner, known }: Surroundings): Problem {
  const meant = nearest(key, known);
  const remedy =
    meant === undefined
      ? `the keys are ${known.map((name) => `:${name}:`).join(' ')}`
      : `did you mean :${meant}:?`;
  const message = `unknown key ${quote(`:${key}:`)}${owner}`;
  return { severity: 'error', ...(fields.get(key)?.at ?? whole), key, message, remedy };
}
