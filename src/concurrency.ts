/** Runs a task when there is room for it. */
export type RunLimited = <T>(task: () => Promise<T>) => Promise<T>;

/** Lets `width` tasks run at a time, in the order of their coming. */
export function limitConcurrency(width: number): RunLimited {
  let free = width;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

/**
 * `task` for every item, `width` at a time; the results in the order of the items. Rejects with the first error; the other tasks
 * run all the same.
 */
export function mapConcurrently<T, R>(
  items: readonly T[],
  width: number,
  task: (item: T) => Promise<R>,
): Promise<R[]> {
  const limited = limitConcurrency(width);
  return Promise.all(items.map((item) => limited(() => task(item))));
}

/** Runs tasks one after the other, whatever became of those before. */
export class Serial {
  private last: Promise<unknown> = Promise.resolve();

  /** The result of `task`, which starts when all earlier ones are done. A task must not wait for a later one. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.last.then(task, task);
    this.last = result.catch(() => undefined);
    return result;
  }
}
