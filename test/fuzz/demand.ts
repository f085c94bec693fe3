import { TproxyError } from '../../src/errors.ts';

/** Throws when something does not hold. */
export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it does not hold: ${what}`);
}

/** The answer of a parser, or undefined where it refused with an error for operators; any other error goes on. */
export function answerOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TproxyError)) throw error;
    demand(
      error.message !== '' && error.message.length < 2000,
      `an error of ${error.message.length} characters`,
    );
    return undefined;
  }
}

export function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 65_536;
}
