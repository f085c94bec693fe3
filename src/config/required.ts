import { fault, type Judge } from './verdict.ts';
import { describe } from './written.ts';

/** May a fault of ours keep a VM from starting? */
export const REQUIRED_KEY = 'tproxy_required';

export const requiredJudge: Judge<boolean> = Object.assign(
  (written: unknown) =>
    typeof written === 'boolean'
      ? { value: written }
      : fault(`${describe(written)}, which is neither true nor false`, 'write true or false'),
  { accepts: '`true`, `false`' },
);

/** What the text says where it is no YAML as a whole: whoever wants no VM without services means that above all then. */
export function requiredIn(text: string): boolean {
  return /^\s*:?tproxy_required:\s*true\b/m.test(text);
}
