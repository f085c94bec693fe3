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

const SHOWN_CHARACTERS = 60;

/** A value from the file as it may stand in a message: quoted, on one line, not too long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);
}
