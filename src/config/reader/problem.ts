/** Something about the configuration that an operator has to know. Lines and columns count from 1. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly line: number;
  readonly column: number;
  /** The key it is about, without its leading colon. */
  readonly key: string;
  /** What is wrong. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** `file:line:column: error: what is wrong; what to do`: the form that editors and CI systems can jump to. */
export function formatProblem(problem: Problem, file: string): string {
  const { line, column, severity, message, remedy } = problem;
  return `${file}:${line}:${column}: ${severity}: ${message}; ${remedy}`;
}

/** A file with more is not what it was meant to be. */
const MAX_PROBLEMS = 1000;

/** In the order of the file, and no more than anybody reads. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const last = sorted[MAX_PROBLEMS];
  if (last === undefined) return sorted;
  const message = `${sorted.length - MAX_PROBLEMS} more problems are not shown`;
  return [
    ...sorted.slice(0, MAX_PROBLEMS),
    { ...last, severity: 'error', message, remedy: 'correct the ones above' },
  ];
}

const QUOTED_CHARACTERS = 60;
const TEXT_CHARACTERS = 120;

/** A value from the file as it may stand in a message: quoted, on one line, not too long. */
export function quote(text: string): string {
  return plain(JSON.stringify(cut(text, QUOTED_CHARACTERS)));
}

/** Text from the file in a remedy, as it would be written there: on one line, not too long. */
export function shown(text: string): string {
  return plain(cut(text, QUOTED_CHARACTERS));
}

/** What somebody else says about the file, and quotes from it: the first line of it, not too long. */
export function plainly(text: string): string {
  return plain(cut(text.split('\n', 1)[0] ?? '', TEXT_CHARACTERS));
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** Nothing stays that a terminal would act upon: control characters, and those that turn the direction of writing. */
function plain(text: string): string {
  return text.replace(
    /\p{C}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
