import type { Service } from '../model/service.ts';

/** 0 = ERROR, 1 = WARNING, 2 = INFO, 3 = DEBUG. */
export type DebugLevel = 0 | 1 | 2 | 3;

/** What this program takes from `OpenNebulaNetwork.conf`. Times are whole seconds. */
export interface Config {
  readonly debugLevel: DebugLevel;
  /** The faultless `:tproxy:` entries in the order of the file. */
  readonly services: readonly Service[];
  /** How long living relays may go on after a stop or restart; 0: they are cut at once. */
  readonly drainTimeoutS: number;
  /** How long a relay may linger after one side has closed. */
  readonly lingerTimeoutS: number;
  /** How long an upstream may take to accept. */
  readonly connectTimeoutS: number;
  /** Idleness before a TCP keep-alive probe, on both sides; 0: no probes. */
  readonly keepaliveS: number;
  /** Idleness after which a relay is ended; 0: never. */
  readonly idleTimeoutS: number;
  /** User that listeners run as; undefined: the program's own choice. */
  readonly processOwner?: string;
}

export type Settings = Omit<Config, 'services'>;

export const DEFAULT_SETTINGS: Settings = {
  debugLevel: 2,
  drainTimeoutS: 300,
  lingerTimeoutS: 60,
  connectTimeoutS: 5,
  keepaliveS: 60,
  idleTimeoutS: 0,
};
