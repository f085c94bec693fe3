import type { Policing } from '../model/limits.ts';
import type { Service } from '../model/service.ts';
import type { Settings } from '../model/settings.ts';

/** What this program takes from `OpenNebulaNetwork.conf`. */
export interface Config extends Settings {
  /** The faultless `:tproxy:` entries in the order of the file. */
  readonly services: readonly Service[];
  /** Undefined: there is no file, or a setting is faulty: nobody knows, and what is in force stays. */
  readonly policing: Policing | undefined;
}
