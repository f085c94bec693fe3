import { statusLines } from '../../daemon/status.ts';
import { ExitCode } from '../../errors.ts';
import type { Io } from '../io.ts';

/** `tproxy status`: which processes run. Changes nothing. */
export function status(io: Io): ExitCode {
  const lines = statusLines();
  for (const line of lines) io.out(line);
  return lines.length === 0 ? ExitCode.notRunning : ExitCode.ok;
}
