/** How many connections guests may have at once, and begin per second. 0: no limit. */
export interface Limits {
  /** Connections at once, per guest address. */
  readonly guestConnections?: number;
  /** New connections per second, per guest address. */
  readonly guestRate?: number;
  /** Connections at once, of all guests of a bridge. */
  readonly bridgeConnections?: number;
  /** New connections per second, of all guests of a bridge. */
  readonly bridgeRate?: number;
}

/** What may come by one port of a bridge for the service address. 0: no limit. */
export interface Policing {
  /** New connections per second. */
  readonly portRate: number;
  /** Mbit/s. */
  readonly portBandwidth: number;
}

/** What counts where nothing is written. */
export const DEFAULT_LIMITS: Required<Limits> = {
  guestConnections: 16_384,
  guestRate: 2000,
  bridgeConnections: 0,
  bridgeRate: 0,
};

export const DEFAULT_POLICING: Policing = { portRate: 0, portBandwidth: 0 };

/** The largest limit that can be written. */
export const MAX_LIMIT = 1_000_000;
/** Mbit/s. The kernel reckons bytes times nanoseconds in 64 bits. */
export const MAX_BANDWIDTH = 100_000;

/** True for what a limit may be: a whole number from 0 to `MAX_LIMIT`. */
export function isLimit(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_LIMIT;
}
