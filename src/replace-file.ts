import { renameSync, rmSync } from 'node:fs';

/**
 * Puts what `make` leaves at `fresh` (a file, a socket) in the place of what is at `path`, in one step: whoever opens `path` meets
 * the old one or the new one, and never half of one. When either throws, `path` is as it was and nothing is left at `fresh`.
 */
export function replaceFile<T>(path: string, make: (fresh: string) => T, fresh = freshName(path)): T {
  try {
    rmSync(fresh, { force: true });
    const made = make(fresh);
    renameSync(fresh, path);
    return made;
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** The same for what takes time to make, such as a socket that Node listens on. */
export async function replaceFileAsync<T>(path: string, make: (fresh: string) => Promise<T>): Promise<T> {
  const fresh = freshName(path);
  try {
    rmSync(fresh, { force: true });
    const made = await make(fresh);
    renameSync(fresh, path);
    return made;
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** In the same directory, and so on the same file system. */
function freshName(path: string): string {
  return `${path}.${process.pid}`;
}
