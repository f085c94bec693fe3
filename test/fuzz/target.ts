/** Something that reads what comes from outside. */
export interface Target {
  readonly name: string;
  /** Sound inputs, which are mutated. */
  readonly samples: readonly [string, ...string[]];
  /** Words of its language. */
  readonly words: readonly string[];
  /**
   * Lets it read `input` and throws when it broke its promise: something else than an error for operators came out, or an
   * answer that does not hold. Tells whether the input was taken.
   */
  judge(input: string): boolean;
}
