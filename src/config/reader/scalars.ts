import { describe, type Fault, fault, type Judge, type Verdict } from './judge.ts';

/** `true` or `false`. To YAML 1.2, and so to this program, `yes` and `on` are words. */
export const truth: Judge<boolean> = Object.assign(
  (written: unknown): Verdict<boolean> =>
    typeof written === 'boolean' ? { value: written } : fault(describe(written), 'write true or false'),
  { accepts: '`true` or `false`' },
);

/** A judge of texts: numbers are texts as they are written, everything else is none. `remedy` for what is no text. */
export function text<T>(judge: (written: string) => Verdict<T>, remedy: string): Judge<T> {
  return (written) => (typeof written === 'string' ? judge(written) : fault(describe(written), remedy));
}

/** A list whose items `judge` looks at, or a single one without brackets. What stands twice counts once. */
export function each<T>(judge: Judge<T>): Judge<readonly T[]> {
  return (written) => {
    const items: readonly unknown[] = Array.isArray(written) ? written : [written];
    const values = new Set<T>();
    const faults: Fault[] = [];
    for (const [index, item] of items.entries()) {
      const verdict = judge(item);
      if ('value' in verdict) values.add(verdict.value);
      else faults.push(...verdict.faults.map((found) => inList(found, written, index)));
    }
    return faults.length > 0 ? { faults } : { value: [...values] };
  };
}

function inList({ wrong, remedy }: Fault, written: unknown, item: number): Fault {
  return Array.isArray(written) ? { wrong: `has an item that ${wrong}`, remedy, item } : { wrong, remedy };
}
