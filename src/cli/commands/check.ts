import { loadConfig } from '../../config/load.ts';
import { formatProblem } from '../../config/reader/problem.ts';
import { ConfigError, ExitCode } from '../../errors.ts';
import { counted } from '../../words.ts';
import type { Io } from '../io.ts';

/** `tproxy check`: everything that is wrong with the configuration, at once. Changes nothing. */
export async function check(options: { readonly file: string }, io: Io): Promise<ExitCode> {
  const { file } = options;
  const { exists, config, problems } = await loadConfig(file);
  if (!exists) throw new ConfigError(`${file}: no such file; give the path of an OpenNebulaNetwork.conf`);

  for (const problem of problems) io.err(formatProblem(problem, file));
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const services = counted(config.services.length, 'service');
  const found = [counted(errors, 'error'), counted(problems.length - errors, 'warning')];
  if (errors > 0) {
    io.err(`${file}: ${found.join(', ')}; ${services} without fault`);
    return ExitCode.usage;
  }
  io.out(`${file}: ok, ${problems.length === 0 ? services : `${services}, ${found[1]}`}`);
  return ExitCode.ok;
}
