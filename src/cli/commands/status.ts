import { statusLines } from '../../daemon/status.ts';
import { ExitCode } from '../../errors.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';

/** `tproxy status`: which processes run. Changes nothing. Others than root can't tell our processes from strangers. */
export function status(io: Io): ExitCode {
  demandRoot('status');
  const lines = statusLines();
  for (const line of lines) io.out(line);
  return lines.length === 0 ? ExitCode.notRunning : ExitCode.ok;
}
