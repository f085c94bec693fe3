/** Starting a listener keeps a core busy for 50 ms: more at once only make each of them late. */
export const AT_ONCE = 8;

/** `task` for every item, a few at a time; the results in the order of the items. Rejects with the first error. */
export async function sideBySide<T, R>(items: readonly T[], task: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      results[at] = await task(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work));
  return results;
}
