import { formatProblem } from '../../config/reader/problem.ts';
import { ExitCode } from '../../errors.ts';
import { counted } from '../../words.ts';
import { countErrors, demandedConfiguration } from '../configuration.ts';
import type { Io } from '../io.ts';

/** `tproxy check`: everything that is wrong with the configuration, at once. Changes nothing. */
export async function check(options: { readonly file: string }, io: Io): Promise<ExitCode> {
  const { file } = options;
  const { config, problems } = await demandedConfiguration(file);
  for (const problem of problems) io.err(formatProblem(problem, file));
  const errors = countErrors(problems);
  const services = counted(config.services.length, 'service');
  const found = [counted(errors, 'error'), counted(problems.length - errors, 'warning')];
  if (errors > 0) {
    io.err(`${file}: ${found.join(', ')}; ${services} without fault`);
    return ExitCode.usage;
  }
  io.out(`${file}: ok, ${problems.length === 0 ? services : `${services}, ${found[1]}`}`);
  return ExitCode.ok;
}
