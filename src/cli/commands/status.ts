import { ExitCode } from '../../errors.ts';
import { statusLines, verboseStatusLines } from '../../operate/status.ts';
import { ownProcesses } from '../../process/processes.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';

export interface StatusOptions {
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/**
 * `tproxy status`: which processes run; `-v` tells of all of them and of every service, `--json` the same for programs.
 * Changes nothing. Others than root can't tell our processes from strangers.
 */
export async function status(options: StatusOptions, io: Io): Promise<ExitCode> {
  demandRoot('status');
  const processes = ownProcesses();
  const lines = statusLines(processes);
  if (options.json === true) io.out(JSON.stringify(await report(processes), null, 2));
  else if (options.verbose === true) for (const line of await verboseLines(processes, io)) io.out(line);
  else for (const line of lines) io.out(line);
  return lines.length === 0 ? ExitCode.notRunning : ExitCode.ok;
}

async function report(processes: ReturnType<typeof ownProcesses>) {
  const [{ gather }, { reportOf }] = await Promise.all([
    import('../status/gather.ts'),
    import('../status/report.ts'),
  ]);
  return reportOf(await gather(processes));
}

async function verboseLines(processes: ReturnType<typeof ownProcesses>, io: Io): Promise<string[]> {
  const [{ statusTable }, { styleFor }] = await Promise.all([
    import('../status/table.ts'),
    import('../text/style.ts'),
  ]);
  const table = statusTable(await report(processes), styleFor(io.colour === true));
  const running = await verboseStatusLines(processes);
  return [...running, ...(table.length > 0 && running.length > 0 ? [''] : []), ...table];
}
