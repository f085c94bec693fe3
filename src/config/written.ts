import { quote } from './problem.ts';

/** How a value stands in a sentence: `is "70000"`, `is a list`, `is missing`. */
export function describe(written: unknown): string {
  if (written === undefined) return 'is missing';
  if (written === null) return 'has no value';
  if (typeof written === 'string') return `is ${quote(written)}`;
  if (typeof written === 'boolean') return `is ${written}`;
  return Array.isArray(written) ? 'is a list' : 'is a mapping';
}
