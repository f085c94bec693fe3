/** The form of `Stats`; a change that readers would notice makes it a new one. */
export const STATS_VERSION = 1;

/** Upper bounds of the buckets of connect times, in milliseconds; one more bucket takes the rest. */
export const CONNECT_BUCKETS_MS: readonly number[] = [
  0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000,
];

/** Connections and bytes; living relays are in it with what they have moved so far. */
export interface Totals {
  /** All since counting began. */
  readonly connections: number;
  /** Living relays. */
  readonly relays: number;
  readonly bytesToUpstream: number;
  readonly bytesToGuest: number;
}

/**
 * `listening`: guests are served. `closed`: its port could not be opened. `no-listener`: the bridge has no process that
 * listens. `draining`: it was removed, relays finish. `removed`: only its counters are left.
 */
export type ServiceState = 'listening' | 'closed' | 'no-listener' | 'draining' | 'removed';

export interface ServiceStats extends Totals {
  readonly servicePort: number;
  /** `address:port`; undefined when the service was removed. */
  readonly upstream?: string;
  readonly state: ServiceState;
  /** Why it is closed. */
  readonly reason?: string;
  /** Finished connections by how they ended. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of upstreams that answered: how many per bucket of `CONNECT_BUCKETS_MS` and above them, and the sum. */
  readonly connect: { readonly counts: readonly number[]; readonly sumMs: number };
}

export interface BridgeStats {
  readonly bridge: string;
  /** False: it has no endpoint any more, and is here for its relays or counters. */
  readonly served: boolean;
  /** Process of its listener, as long as it serves. */
  readonly listenerPid?: number;
  /** How often a listener that died or lost its netns was brought back. */
  readonly recoveries: number;
  /** Connections over a limit, by limit. */
  readonly refused: Readonly<Record<string, number>>;
  readonly services: readonly ServiceStats[];
}

export interface GuestStats extends Totals {
  readonly bridge: string;
  /** Its address. */
  readonly guest: string;
}

/** How the forwarder itself does. */
export interface Health {
  readonly version: string;
  readonly pid: number;
  /** Seconds since 1970. */
  readonly startedAt: number;
  /** Its watch has started it after another one died. */
  readonly revived: boolean;
  readonly descriptors: { readonly open: number; readonly limit: number };
  /** Resident memory in bytes. */
  readonly memory: number;
  /** The longest that the main thread was late within the last minute, and what the data plane took to answer this. */
  readonly lagMs: number;
  /** NICs of VMs that run although their last hook failed; absent from forwarders that do not count them. */
  readonly failedNics?: number;
  readonly answerMs: number;
  /** The last time that the endpoints were read: seconds since 1970. */
  readonly reload?: { readonly at: number; readonly ok: boolean; readonly failed: readonly string[] };
  /** Why metrics are not served where they should be. */
  readonly metricsError?: string;
}

/** What the forwarder has counted since it was started. */
export interface Stats {
  readonly stats: typeof STATS_VERSION;
  readonly health: Health;
  readonly bridges: readonly BridgeStats[];
  /** Those that were seen last, when they were asked for. */
  readonly guests?: readonly GuestStats[];
}

/** A living connection. */
export interface RelayInfo {
  readonly bridge: string;
  readonly servicePort: number;
  /** `address:port`. */
  readonly guest: string;
  readonly upstream: string;
  readonly bytesToUpstream: number;
  readonly bytesToGuest: number;
  readonly ageMs: number;
}

export interface RelayList {
  readonly stats: typeof STATS_VERSION;
  readonly pid: number;
  /** At most some thousands. */
  readonly relays: readonly RelayInfo[];
}

/** Outcomes of connections that never came about: the guest did not get what it dialled. */
const FAILURES: ReadonlySet<string> = new Set([
  'upstream-refused',
  'upstream-unreachable',
  'connect-timeout',
  'no-endpoint',
  'out-of-descriptors',
  'out-of-ports',
  'error',
]);

/** True for the outcome of a connection that never came about. Resets and timeouts of living ones are the parties' business. */
export function isFailure(outcome: string): boolean {
  return FAILURES.has(outcome);
}

export const FAILURE_CAUSES: readonly string[] = [...FAILURES];

/** How many of the finished connections never came about. */
export function failuresOf(outcomes: Readonly<Record<string, number>>): number {
  return FAILURE_CAUSES.reduce((sum, cause) => sum + (outcomes[cause] ?? 0), 0);
}

export const NOTHING: Totals = { connections: 0, relays: 0, bytesToUpstream: 0, bytesToGuest: 0 };

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    connections: a.connections + b.connections,
    relays: a.relays + b.relays,
    bytesToUpstream: a.bytesToUpstream + b.bytesToUpstream,
    bytesToGuest: a.bytesToGuest + b.bytesToGuest,
  };
}
