import type { Policing } from '../model/limits.ts';
import type { Service } from '../model/service.ts';
import type { Settings } from '../model/settings.ts';

/** What this program takes from `OpenNebulaNetwork.conf`. Its parts go to different readers: no process is told more than its own. */
export interface Config {
  /** For the daemons. */
  readonly settings: Settings;
  /** For the driver: the faultless `:tproxy:` entries in the order of the file. */
  readonly services: readonly Service[];
  /** For the driver. Undefined: there is no file, or a setting is faulty: nobody knows, and what is in force stays. */
  readonly policing: Policing | undefined;
  /** For hooks: a fault of ours keeps a VM from starting. */
  readonly required: boolean;
}
