import type { Service } from '../model/service.ts';
import type { Settings } from '../model/settings.ts';

/** What this program takes from `OpenNebulaNetwork.conf`. */
export interface Config extends Settings {
  /** The faultless `:tproxy:` entries in the order of the file. */
  readonly services: readonly Service[];
}
