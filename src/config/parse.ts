import { DEFAULT_POLICING } from '../model/limits.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import type { Config } from './config.ts';
import { FILE_KEYS, KEY_PREFIX } from './mesh/file-keys.ts';
import { requiredIn } from './mesh/required.ts';
import { SYMBOL_KEYS } from './reader/key-style.ts';
import { readKeys } from './reader/keys.ts';
import { inOrder, type Problem } from './reader/problem.ts';
import { type Root, readFile } from './reader/read-yaml.ts';

export interface ParsedConfig {
  readonly config: Config;
  /** In the order of the file. */
  readonly problems: readonly Problem[];
  /** False: nothing is known of what the operator wants, so nothing that runs may be changed. */
  readonly readable: boolean;
}

const UNKNOWN: Config = { settings: DEFAULT_SETTINGS, services: [], policing: undefined, required: false };

/** Takes our keys out of the text of `OpenNebulaNetwork.conf`. Never throws, whatever the text is. */
export function parseConfig(text: string): ParsedConfig {
  const read = readFile(text, { style: SYMBOL_KEYS, example: ':tproxy:' }, parseRoot);
  return read.readable
    ? { ...read.value, readable: true }
    : { config: { ...UNKNOWN, required: requiredIn(text) }, ...read };
}

function parseRoot({ fields, place, source }: Root): Omit<ParsedConfig, 'readable'> {
  const ours = fields.filter(({ key }) => key.startsWith(KEY_PREFIX));
  const { fields: known, own, within, problems } = readKeys(ours, FILE_KEYS, place, source);
  if (known === undefined) return { config: UNKNOWN, problems: inOrder(problems) };

  const { services, required, limits: written, ...settings } = known;
  const { portRate, portBandwidth, ...limits } = written;
  // Any of them may be a limit that was meant otherwise, and one that falls away lets everything pass.
  const faultless = own.length === 0 && [...within.keys()].every((property) => property === 'services');
  const policing = {
    portRate: portRate ?? DEFAULT_POLICING.portRate,
    portBandwidth: portBandwidth ?? DEFAULT_POLICING.portBandwidth,
  };
  return {
    config: {
      settings: { ...settings, limits },
      services,
      policing: faultless ? policing : undefined,
      required,
    },
    problems: inOrder(problems),
  };
}
