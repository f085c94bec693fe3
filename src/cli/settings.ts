import { loadConfig } from '../config/load.ts';
import { messageOf } from '../errors.ts';
import { DEFAULT_SETTINGS, type Settings } from '../model/settings.ts';
import { counted } from '../words.ts';
import type { Io } from './io.ts';

/**
 * Settings for the daemons. Faults are for `tproxy check` and for the driver to complain about: what can't be read takes
 * its default, with a warning, because guests need their services more than the operator needs an idle timeout.
 */
export async function loadSettings(file: string, io: Io): Promise<Settings> {
  try {
    const { config, problems } = await loadConfig(file);
    const errors = problems.filter(({ severity }) => severity === 'error').length;
    if (errors > 0) {
      const them = errors === 1 ? 'it' : 'them';
      io.err(`WARNING: ${file}: ${counted(errors, 'error')}; tproxy check ${file} lists ${them}`);
    }
    return config;
  } catch (error) {
    io.err(`WARNING: ${messageOf(error)}; settings take their defaults`);
    return DEFAULT_SETTINGS;
  }
}
