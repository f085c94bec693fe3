import type { Problem } from './problem.ts';
import { type Place, problemAt } from './schema.ts';
import type { Field } from './yaml-source.ts';

/** `near` is the known key that it was most likely meant to be. */
export function unknownKey(
  field: Field,
  near: string | undefined,
  known: readonly string[],
  { style, inside }: Place,
): Problem {
  const remedy =
    near === undefined
      ? `the keys are ${known.map(style.show).join(style.separator)}`
      : `did you mean ${style.show(near)}?`;
  return problemAt(field, `unknown key ${style.quote(field.key)}${inside}`, remedy);
}

export function duplicateKey(field: Field, first: Field, { style, inside }: Place): Problem {
  const message = `${style.show(field.key)}${inside} stands twice, first in line ${first.at.line}`;
  return problemAt(field, message, style.onTwice);
}
