import { TproxyError } from '../../errors.ts';
import type { Run, RunOptions } from '../../system/run.ts';

/** A reading that is made when it is first asked for, and remembered, failure included. */
export function once<T>(read: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: read() };
    return made.value;
  };
}

/** The same for each of several things. */
export function onceEach<K, T>(read: (what: K) => T, keyOf: (what: K) => string): (what: K) => T {
  const made = new Map<string, { readonly value: T }>();
  return (what) => {
    const key = keyOf(what);
    const known = made.get(key) ?? { value: read(what) };
    made.set(key, known);
    return known.value;
  };
}

export interface Patience {
  /** For one program. */
  readonly programMs: number;
  /** For all of them together, counted from now on. */
  readonly allMs: number;
}

/**
 * `run` that starts the same program with the same input once: a walk is one look at the host. When all time is used up
 * nothing is started any more, however many bridges there are to look at.
 */
export function runOnce(run: Run, { programMs, allMs }: Patience): Run {
  const end = performance.now() + allMs;
  const ask = onceEach(
    ({ command, args, options }: { command: string; args: readonly string[]; options: RunOptions }) =>
      run(command, args, options),
    ({ command, args, options }) => JSON.stringify([command, args, options.input]),
  );
  return async (command, args, options = {}) => {
    const left = end - performance.now();
    if (left <= 0) {
      throw new TproxyError(`${command}: not run, because too many other programs did not answer`, {
        remedy: 'fix those first',
      });
    }
    const timeoutMs = Math.min(options.timeoutMs ?? programMs, left);
    return ask({ command, args, options: { ...options, timeoutMs } });
  };
}
