import { CommandError } from '../errors.ts';

/** What a failed `ip` or `nsenter` said, as far as anybody here acts on it. */
export type IpFailure = 'missing-object' | 'permission' | 'missing-feature' | 'other';

/** "It is not there", which every object of `ip` words in its own way. */
const MISSING = [
  /Device "[^"]*" does not exist/,
  /Cannot find device "/,
  /Device does not exist/,
  /RTNETLINK answers: No such (?:device|process)/,
  /Cannot open network namespace "[^"]*": No such file or directory/,
  /Cannot remove namespace file "[^"]*": No such file or directory/,
  // A file in /run/netns with no namespace behind it.
  /setting the network namespace "[^"]*" failed: Invalid argument/,
  /^nsenter: cannot open \/run\/netns\/.*: No such file or directory/m,
  /^nsenter: reassociate to namespace 'ns\/net' failed: Invalid argument/m,
];

/** The one place that reads the stderr of `ip` and `nsenter`. */
export function classifyIpFailure(error: unknown): IpFailure {
  if (!(error instanceof CommandError) || error.status === undefined) return 'other';
  const { stderr } = error;
  if (/Operation not permitted|Permission denied/i.test(stderr)) return 'permission';
  if (MISSING.some((pattern) => pattern.test(stderr))) return 'missing-object';
  return /Unknown device type|Operation not supported/i.test(stderr) ? 'missing-feature' : 'other';
}

/**
 * How many lines of an `ip -batch` were done before the one that failed (`Command failed -:3` is the third); undefined
 * when it does not say, as after a timeout.
 */
export function batchLinesDone(error: unknown): number | undefined {
  if (!(error instanceof CommandError)) return undefined;
  const line = /^Command failed -:(\d+)$/m.exec(error.stderr)?.[1];
  return line === undefined ? undefined : Number(line) - 1;
}
