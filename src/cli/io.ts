/** What a command may touch of the world around the process; tests give their own. */
export interface Io {
  /** Results, for people and programs. */
  readonly out: (line: string) => void;
  /** Diagnostics: `ERROR: …`, `WARNING: …`, `INFO: …`. */
  readonly err: (line: string) => void;
  /** Standard input as far as `limit` characters, and a piece more where there is more; nothing from a terminal. */
  readonly readStdin: (limit: number) => Promise<string>;
  /** Results may be coloured. */
  readonly colour?: boolean;
  /** Resolves when the reader of the results has taken most of them. */
  readonly drained?: () => Promise<void>;
  /** True when nobody reads results any more: `tproxy log | head`. */
  readonly isLeft?: () => boolean;
}
