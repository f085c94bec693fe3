import { quote } from './problem.ts';

export interface Fault {
  /** Predicate of a sentence that begins with the key: `is "70000", which is no TCP port`. */
  readonly wrong: string;
  readonly remedy: string;
  /** Index of the guilty item when the value is a list. */
  readonly item?: number;
}

/** What a judge says of a value: fine, or everything that is wrong with it. */
export type Verdict<T> = { readonly value: T } | { readonly faults: readonly Fault[] };

/** Judges a value in the form that `YamlSource.plain` gives it; undefined when there is no such key. */
export interface Judge<T> {
  (written: unknown): Verdict<T>;
  /** What it takes, for the manual: `whole number, 1 to 65535`. */
  readonly accepts?: string;
}

export function fault(wrong: string, remedy: string): { readonly faults: readonly Fault[] } {
  return { faults: [{ wrong, remedy }] };
}

/** How a value stands in a sentence: `is "70000"`, `is a list`, `is missing`. */
export function describe(written: unknown): string {
  if (written === undefined) return 'is missing';
  if (written === null) return 'has no value';
  if (typeof written === 'string') return `is ${quote(written)}`;
  if (typeof written === 'boolean') return `is ${written}`;
  return Array.isArray(written) ? 'is a list' : 'is a mapping';
}
