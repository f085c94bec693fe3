import { ConfigError, messageOf } from '../errors.ts';
import { DEFAULT_POLICING } from '../model/limits.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { collectFields } from './collect-fields.ts';
import type { Config } from './config.ts';
import { parseEntries } from './entries.ts';
import type { Problem } from './problem.ts';
import { type ReadYaml, readYaml, unreadable } from './read-yaml.ts';
import { requiredIn } from './required.ts';
import { KEY_PREFIX, parseSettings, SERVICES_KEY } from './settings.ts';

export interface ParsedConfig {
  readonly config: Config;
  /** In the order of the file. */
  readonly problems: readonly Problem[];
  /** False: nothing is known of what the operator wants, so nothing that runs may be changed. */
  readonly readable: boolean;
}

const UNKNOWN: Config = { settings: DEFAULT_SETTINGS, services: [], policing: undefined, required: false };
/** A file with more is not what it was meant to be. */
const MAX_PROBLEMS = 1000;

/** Takes our keys out of the text of `OpenNebulaNetwork.conf`. Never throws, whatever the text is. */
export function parseConfig(text: string): ParsedConfig {
  try {
    return parseReadable(readYaml(text), text);
  } catch (error) {
    // Deep nesting ends in a RangeError, here or in the YAML library; a flood of aliases in a ConfigError.
    if (!(error instanceof RangeError || error instanceof ConfigError)) throw error;
    const why = error instanceof RangeError ? 'lists or mappings nested too deep' : messageOf(error);
    return { config: unreadableConfig(text), ...unreadable(`the file has ${why}`, 'write it out plainly') };
  }
}

function unreadableConfig(text: string): Config {
  return { ...UNKNOWN, required: requiredIn(text) };
}

function parseReadable(read: ReadYaml, text: string): ParsedConfig {
  if (!read.readable) return { config: unreadableConfig(text), ...read };
  const { source, root } = read;
  if (root === undefined) {
    return { config: { ...UNKNOWN, policing: DEFAULT_POLICING }, problems: [], readable: true };
  }

  const ours = collectFields(
    source.fields(root).filter((field) => field.key.startsWith(KEY_PREFIX)),
    source,
    '',
  );
  const { settings, policing, required, problems } = parseSettings(ours, source);
  const list = ours.fields.get(SERVICES_KEY);
  const services = parseEntries(list?.value, list?.at ?? source.position(root), source);
  // Any of them may be a limit that was meant otherwise, and one that falls away lets everything pass.
  const faults = [...ours.duplicates, ...problems];
  const config = {
    settings,
    services: services.entries.map((entry) => entry.service),
    policing: faults.length === 0 ? policing : undefined,
    required,
  };
  return {
    config,
    problems: inOrder([...faults, ...services.problems]),
    readable: true,
  };
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const last = sorted[MAX_PROBLEMS];
  if (last === undefined) return sorted;
  const message = `${sorted.length - MAX_PROBLEMS} more problems are not shown`;
  return [
    ...sorted.slice(0, MAX_PROBLEMS),
    { ...last, severity: 'error', message, remedy: 'correct the ones above' },
  ];
}
