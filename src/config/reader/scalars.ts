import { describe, type Fault, fault, type Judge, type Verdict } from './judge.ts';
import { quote, shown } from './problem.ts';

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
    const several = severalInOne(written, 'one text');
    if (several !== undefined) return { faults: [several] };
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

/** The same, with one item at least. */
export function some<T>(judge: Judge<T>, remedy: string): Judge<readonly T[]> {
  const all = each(judge);
  return (written) =>
    Array.isArray(written) && written.length === 0 ? fault('is an empty list', remedy) : all(written);
}

/** `a, b` where a list may stand: in YAML that is one text, and hardly ever meant so. `one` is what it is taken for. */
export function severalInOne(written: unknown, one: string): Fault | undefined {
  if (typeof written !== 'string' || !written.includes(',')) return undefined;
  const items = written.split(',').map((item) => item.trim());
  const list = items.filter((item) => item !== '').join(', ');
  return {
    wrong: `is ${quote(written)}, which is ${one}`,
    remedy: `write a list: ${shown(`[${list}]`)}; or [${quote(written)}] if it is meant as one`,
  };
}

function inList({ wrong, remedy }: Fault, written: unknown, item: number): Fault {
  return Array.isArray(written) ? { wrong: `has an item that ${wrong}`, remedy, item } : { wrong, remedy };
}
