import {
  addTotals,
  failuresOf,
  NOTHING,
  type RelayInfo,
  type Stats,
  type Totals,
} from '../../model/stats.ts';

export const VIEWS = ['bridge', 'service', 'guest', 'connection'] as const;
export type View = (typeof VIEWS)[number];

/** Whose connections a row is about, and what they came to. */
interface Counted {
  readonly bridge: string;
  /** Service port; of a row per service. */
  readonly service?: number;
  readonly upstream?: string;
  /** Address; of a row per connection with its port. */
  readonly guest?: string;
  readonly totals: Totals;
  /** Connections that never came about; not counted per guest. */
  readonly errors?: number;
  /** Of a row per connection. */
  readonly ageMs?: number;
}

export interface Row extends Counted {
  /** What happened per second since the sample before; undefined in the first one. */
  readonly rates: Rates | undefined;
}

export interface Rates {
  readonly connections: number;
  readonly bytesToUpstream: number;
  readonly bytesToGuest: number;
}

/** A look at the forwarder's counters, at `at` (ms, monotonic). */
export interface Look {
  readonly at: number;
  readonly stats: Stats;
  /** Of the view per connection. */
  readonly relays?: readonly RelayInfo[];
}

/** The rows of a view, in no order. `before` has to be of the same forwarder: another one counts from the start. */
export function rowsOf(view: View, now: Look, before: Look | undefined): Row[] {
  const same = before?.stats.health.pid === now.stats.health.pid ? before : undefined;
  const earlier = new Map(same === undefined ? [] : counted(view, same).map((row) => [keyOf(row), row]));
  const seconds = same === undefined ? 0 : (now.at - same.at) / 1000;
  return counted(view, now).map((row) => ({
    ...row,
    rates: seconds > 0 ? ratesOf(row.totals, earlier.get(keyOf(row))?.totals ?? NOTHING, seconds) : undefined,
  }));
}

function counted(view: View, { stats: { bridges, guests = [] }, relays = [] }: Look): Counted[] {
  switch (view) {
    case 'bridge':
      return bridges.map(({ bridge, services }) => ({
        bridge,
        totals: services.reduce<Totals>(addTotals, NOTHING),
        errors: services.reduce((sum, { outcomes }) => sum + failuresOf(outcomes), 0),
      }));
    case 'service':
      return bridges.flatMap(({ bridge, services }) =>
        services.map(({ servicePort: service, upstream = '-', outcomes, ...totals }) => ({
          bridge,
          service,
          upstream,
          totals: addTotals(totals, NOTHING),
          errors: failuresOf(outcomes),
        })),
      );
    case 'guest':
      return guests.map(({ bridge, guest, ...totals }) => ({ bridge, guest, totals }));
    case 'connection':
      return relays.map(({ bridge, servicePort: service, upstream, guest, ageMs, ...moved }) => ({
        bridge,
        ageMs,
        service,
        upstream,
        guest,
        totals: addTotals({ ...moved, connections: 1, relays: 1 }, NOTHING),
      }));
  }
}

function keyOf({ bridge, service, guest }: Counted): string {
  return JSON.stringify([bridge, service, guest]);
}

/** A guest that was forgotten meanwhile counts from the start: that is no negative rate. */
function ratesOf(now: Totals, before: Totals, seconds: number): Rates {
  const rate = (of: keyof Rates): number => Math.max(0, now[of] - before[of]) / seconds;
  return {
    connections: rate('connections'),
    bytesToUpstream: rate('bytesToUpstream'),
    bytesToGuest: rate('bytesToGuest'),
  };
}
