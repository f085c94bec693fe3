/** What a command may touch of the world around the process; tests give their own. */
export interface Io {
  /** Results, for people and programs. */
  readonly out: (line: string) => void;
  /** Diagnostics: `ERROR: …`, `WARNING: …`, `INFO: …`. */
  readonly err: (line: string) => void;
  /** All of standard input. */
  readonly readStdin: () => Promise<string>;
  /** Results may be coloured. */
  readonly colour?: boolean;
  /** Resolves when the reader of the results has taken most of them. */
  readonly drained?: () => Promise<void>;
}
