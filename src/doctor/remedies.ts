import type { Check } from './check.ts';

/** What puts plumbing right, whoever made it. */
export const APPLY = 'run tproxy apply';

/** `tproxy` as the first word of a command line, not as part of a path. */
const CALL = /(?<![\w./-])tproxy(?= [a-z])/g;

/** The check with its remedy for whoever has to write `command` to call the program: `/var/tmp/one/vnm/tproxy`. */
export function asTyped(check: Check, command: string): Check {
  const { finding } = check;
  if (!('remedy' in finding)) return check;
  return { ...check, finding: { ...finding, remedy: finding.remedy.replaceAll(CALL, () => command) } };
}
