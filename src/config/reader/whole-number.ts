import { describe, fault, type Judge } from './judge.ts';

/** Decimal and nothing else: Ruby would read `010` as 8 and `0x10` as 16. */
const DECIMAL = /^(?:0|[1-9]\d{0,9})$/;

/** Whole numbers from `min` to `max`, also in quotes. `noun` completes "which is no …". */
export function wholeNumber(noun: string, min: number, max: number): Judge<number> {
  const judge: Judge<number> = (written) => {
    const value = typeof written === 'string' && DECIMAL.test(written) ? Number(written) : Number.NaN;
    if (value >= min && value <= max) return { value };
    const nothing = written === undefined || written === null;
    const wrong = nothing ? describe(written) : `${describe(written)}, which is no ${noun}`;
    return fault(wrong, `write a whole number from ${min} to ${max}`);
  };
  return Object.assign(judge, { accepts: `whole number, ${min} to ${max}` });
}
