import { statusLines, verboseStatusLines } from '../../daemon/status.ts';
import { ExitCode } from '../../errors.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';

/**
 * `tproxy status`: which processes run; `-v` tells of all of them, what they do and how many connections they have. Changes
 * nothing. Others than root can't tell our processes from strangers.
 */
export async function status(options: { readonly verbose: boolean }, io: Io): Promise<ExitCode> {
  demandRoot('status');
  const lines = statusLines();
  for (const line of options.verbose ? await verboseStatusLines() : lines) io.out(line);
  return lines.length === 0 ? ExitCode.notRunning : ExitCode.ok;
}
