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
