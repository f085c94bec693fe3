/** Emphasis for terminals; every function gives back its text as it is where colours are off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  inverse(text: string): string;
}

export function styleFor(colour: boolean): Style {
  const sgr = (on: number, off: number) => (text: string) =>
    colour && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    good: sgr(32, 39),
    warning: sgr(33, 39),
    bad: sgr(31, 39),
    inverse: sgr(7, 27),
  };
}

/** Colours on a terminal that has them, unless the user wants none (https://no-color.org). */
export function wantsColour(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  return isTerminal && (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
}
