import { CONFIGURATION, EXECUTABLE, LIBRARY, type Sums } from './tree.ts';

/** What a host has otherwise than the front-end. Paths relative to the remotes directory. */
export interface Difference {
  readonly changed: readonly string[];
  readonly added: readonly string[];
  /** In our library on the host, and no longer on the front-end. */
  readonly removed: readonly string[];
  /** Files of the program are among them: its daemons have to be restarted. */
  readonly program: boolean;
  readonly configuration: boolean;
}

export function differenceOf(here: Sums, there: Sums): Difference {
  const added = [...here.keys()].filter((path) => !there.has(path));
  const changed = [...here]
    .filter(([path, sum]) => there.has(path) && there.get(path) !== sum)
    .map(([path]) => path);
  const removed = [...there.keys()].filter((path) => isProgram(path) && !here.has(path));
  const all = [...added, ...changed, ...removed];
  return {
    changed,
    added,
    removed,
    program: all.some(isProgram),
    configuration: all.includes(CONFIGURATION),
  };
}

export function isSame({ changed, added, removed }: Difference): boolean {
  return changed.length + added.length + removed.length === 0;
}

function isProgram(path: string): boolean {
  return path === EXECUTABLE || path.startsWith(`${LIBRARY}/`);
}

/** For people: `program and configuration: 3 files changed, 1 new`. */
export function words(difference: Difference): string {
  if (isSame(difference)) return 'has the same files';
  const { changed, added, removed, program, configuration } = difference;
  const kinds = [...(program ? ['program'] : []), ...(configuration ? ['configuration'] : [])];
  const counts = [
    [changed.length, 'changed'],
    [added.length, 'new'],
    [removed.length, 'gone'],
  ] as const;
  const numbers = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return `${kinds.length === 0 ? 'other drivers' : kinds.join(' and ')}: ${numbers.join(', ')}`;
}
