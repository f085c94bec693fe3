import type { Run, RunOptions } from '../system/run.ts';

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

/** `run` that starts the same program with the same input once: a walk is one look at the host. */
export function runOnce(run: Run, timeoutMs: number): Run {
  const ask = onceEach(
    ({ command, args, options }: { command: string; args: readonly string[]; options: RunOptions }) =>
      run(command, args, options),
    ({ command, args, options }) => JSON.stringify([command, args, options.input]),
  );
  return (command, args, options = {}) => ask({ command, args, options: { timeoutMs, ...options } });
}
