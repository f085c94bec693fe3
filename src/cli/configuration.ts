import type { Config } from '../config/config.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { formatProblem, type Problem } from '../config/reader/problem.ts';
import type { Reporter } from '../driver/deps.ts';
import { ConfigError } from '../errors.ts';
import type { Service } from '../model/service.ts';
import { DEFAULT_SETTINGS, type Settings } from '../model/settings.ts';
import { counted } from '../words.ts';
import type { Io } from './io.ts';

/**
 * What a configuration means to a command, by its state. It is decided here and nowhere else.
 *
 *               daemons             one VM (up, down)     the whole host (apply, plan, sync)
 *   faultless   its settings        its services          its services
 *   missing     defaults            no services           guests keep what they have
 *   faulty      what has no fault   what has no fault     refused: it would take services from running guests
 *   unreadable  defaults            nothing is known      refused
 */
export interface Configured extends Omit<Config, 'services'> {
  /** Undefined: nobody knows, so nothing that runs may be changed. */
  readonly services: readonly Service[] | undefined;
}

/**
 * Settings for the daemons. Faults are for `tproxy check` and for the driver to complain about: what can't be read takes
 * its default, with a warning, because guests need their services more than the operator needs an idle timeout.
 */
export async function settingsForDaemons(file: string, io: Io): Promise<Settings> {
  try {
    const { config, problems } = await loadConfig(file);
    const errors = countErrors(problems);
    if (errors > 0) {
      const them = errors === 1 ? 'it' : 'them';
      io.err(`WARNING: ${file}: ${counted(errors, 'error')}; tproxy check ${file} lists ${them}`);
    }
    return config.settings;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.err(`WARNING: ${error.message}; settings take their defaults`);
    return DEFAULT_SETTINGS;
  }
}

/** For one VM: faulty entries are reported and left out; the others work. */
export async function configurationForVm(file: string, report: Reporter): Promise<Configured> {
  try {
    const { config, problems, state } = await loadConfig(file);
    for (const problem of problems) {
      if (problem.severity === 'error') report.error(formatProblem(problem, file));
      else report.warning(formatProblem(problem, file));
    }
    return state === 'unreadable' ? { ...config, services: undefined } : config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    report.error(error.message);
    return { services: undefined, settings: DEFAULT_SETTINGS, policing: undefined, required: false };
  }
}

/** How a command that acts on whole hosts says that it does not go on, or goes on without a file. */
interface Words {
  readonly refused: string;
  readonly missing: string;
}

/** For whole hosts: rejects with `ConfigError` on any error, before anything is touched. */
export async function faultlessConfiguration(file: string, io: Io, words: Words): Promise<Configured> {
  const { config, problems, state } = await loadConfig(file);
  for (const problem of problems) io.err(formatProblem(problem, file));
  switch (state) {
    case 'faulty':
    case 'unreadable':
      throw new ConfigError(`${file} has errors: ${words.refused}`, {
        remedy: 'correct what is listed above',
      });
    case 'missing':
      io.err(`WARNING: there is no ${file}: ${words.missing}`);
      return { ...config, services: undefined };
    case 'faultless':
      return config;
  }
}

/** For `check`, which is about the file itself. */
export async function demandedConfiguration(file: string): Promise<LoadedConfig> {
  const loaded = await loadConfig(file);
  if (loaded.state !== 'missing') return loaded;
  throw new ConfigError(`${file}: no such file`, { remedy: 'give the path of an OpenNebulaNetwork.conf' });
}

export function countErrors(problems: readonly Problem[]): number {
  return problems.filter(({ severity }) => severity === 'error').length;
}
