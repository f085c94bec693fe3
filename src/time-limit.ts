/**
 * What `task` comes to, or what `late` says once `limitMs` have passed without it. The task is not stopped; an error of its own
 * that comes later is nobody's business any more.
 */
export function withTimeLimit<T>(task: Promise<T>, limitMs: number, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late()), limitMs);
  });
  return Promise.race([task, limit]).finally(() => clearTimeout(timer));
}
