import { NEVER, transform, type ZodMiniType } from 'zod/mini';

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

/**
 * A schema from a judge. The remedy travels as a parameter of the issue.
 * `zod/mini` and not `zod`: the latter takes 25 ms to load, a quarter of what `up` may take.
 */
export function judged<T>(judge: Judge<T>): ZodMiniType<T> {
  return transform((written: unknown, context): T => {
    const verdict = judge(written);
    if ('value' in verdict) return verdict.value;
    for (const { wrong, remedy, item } of verdict.faults) {
      const path = item === undefined ? [] : [item];
      context.issues.push({ code: 'custom', message: wrong, params: { remedy }, path, input: written });
    }
    return NEVER;
  });
}
