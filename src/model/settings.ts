import type { Limits } from './limits.ts';

/** `:tproxy_debug_level:`: 0 = ERROR, 1 = WARNING, 2 = INFO, 3 = DEBUG. */
export type DebugLevel = (typeof DEBUG_LEVELS)[number];
export const DEBUG_LEVELS = [0, 1, 2, 3] as const;

/** What the daemons are told of `OpenNebulaNetwork.conf`. Times are whole seconds. */
export interface Settings {
  readonly debugLevel: DebugLevel;
  /** How long living relays of an old forwarder may go on after a restart; 0: they are cut at once. */
  readonly drainTimeoutS: number;
  /** How long a relay may linger without a byte after one side has closed; 0: as long as it likes. */
  readonly lingerTimeoutS: number;
  /** How long an upstream may take to accept. */
  readonly connectTimeoutS: number;
  /** Idleness before a TCP keep-alive probe, on both sides; 0: no probes. */
  readonly keepaliveS: number;
  /** Idleness after which a relay is ended; 0: never. */
  readonly idleTimeoutS: number;
  /** Data-plane threads; a bridge belongs to one of them. Those of a forwarder that runs stay as many as they are. */
  readonly workers: number;
  /** User that listeners run as; undefined: oneadmin if it exists, else nobody. */
  readonly processOwner?: string;
  /** Where metrics are served (`parseListenAddress`); undefined: nowhere. */
  readonly metricsListen?: string;
  /** What the operator has written of them; for the rest `DEFAULT_LIMITS` hold. */
  readonly limits: Limits;
}

export const MAX_WORKERS = 64;
/** A week: far from the 24 days after which timers of Node overflow and fire at once. */
export const MAX_TIMEOUT_S = 7 * 24 * 3600;
/** The kernel's limit for TCP_KEEPIDLE. */
export const MAX_KEEPALIVE_S = 32_767;

/** Settings that are whole numbers. */
type WholeNumber = keyof Settings & (`${string}S` | 'workers');

/** The least and the most of each setting that is a whole number. */
export const SETTING_BOUNDS: Readonly<Record<WholeNumber, readonly [least: number, most: number]>> = {
  drainTimeoutS: [0, MAX_TIMEOUT_S],
  lingerTimeoutS: [0, MAX_TIMEOUT_S],
  // 0 would leave it to the kernel, which gives up after two minutes: no guest waits that long.
  connectTimeoutS: [1, MAX_TIMEOUT_S],
  keepaliveS: [0, MAX_KEEPALIVE_S],
  idleTimeoutS: [0, MAX_TIMEOUT_S],
  workers: [1, MAX_WORKERS],
};

export const DEFAULT_SETTINGS: Settings = {
  debugLevel: 2,
  drainTimeoutS: 300,
  lingerTimeoutS: 60,
  connectTimeoutS: 5,
  keepaliveS: 60,
  idleTimeoutS: 0,
  workers: 1,
  limits: {},
};
