import {
  DEFAULT_LIMITS,
  DEFAULT_POLICING,
  type Limits,
  MAX_BANDWIDTH,
  MAX_LIMIT,
  type Policing,
} from '../../model/limits.ts';
import { mapping } from '../reader/mapping.ts';
import { type Key, optional, type Schema } from '../reader/schema.ts';
import { value } from '../reader/value.ts';
import { wholeNumber } from '../reader/whole-number.ts';

const limit = value(wholeNumber('limit', 0, MAX_LIMIT));

/** `:limits:` of a service. */
export const SERVICE_LIMITS = {
  guestConnections: optional('guest_connections', limit, {
    meaning: 'open connections of a guest, identified by its address',
    beyond: 'its new connections are reset',
  }),
  guestRate: optional('guest_rate', limit, {
    meaning:
      'new connections of a guest per second; the default (not a written one) only counts while other guests use the proxy too',
    beyond: 'its new connections are reset',
  }),
} as const satisfies Partial<Record<keyof Limits, Key<number>>>;

/** `:tproxy_limits:`. */
export const ALL_LIMITS = {
  ...SERVICE_LIMITS,
  bridgeConnections: optional('bridge_connections', limit, {
    meaning: 'open connections of all guests of a bridge',
    beyond: "new ones wait in the kernel's queue",
  }),
  bridgeRate: optional('bridge_rate', limit, {
    meaning: 'new connections of all guests of a bridge per second',
    beyond: "new ones wait in the kernel's queue",
  }),
  portRate: optional('port_rate', limit, {
    meaning: 'new connections per second that come by a port of a bridge, a NIC of a VM',
    beyond: 'they are dropped in the bridge; the guest tries again a second later',
  }),
  portBandwidth: optional('port_bandwidth', value(wholeNumber('bandwidth in Mbit/s', 0, MAX_BANDWIDTH)), {
    meaning: 'Mbit/s that come by a port of a bridge for 169.254.16.9',
    beyond: 'dropped in the bridge; TCP sends it again, and slows down',
  }),
} as const satisfies Record<keyof (Limits & Policing), Key<number>>;

/** What counts where a limit is not written. The reader leaves them out: what is written and what is not are different things. */
export const STANDARD_LIMITS: Readonly<Record<keyof typeof ALL_LIMITS, number>> = {
  ...DEFAULT_LIMITS,
  ...DEFAULT_POLICING,
};

/** A mapping of the limits in `schema`. A missing, empty or faulty one is not in the answer. */
export function limitsOf<S extends Schema>(schema: S) {
  const keys = Object.values(schema).map(({ key }) => `:${key}:`);
  return mapping(schema, {
    noun: 'mapping of limits',
    remedy: `write ${keys.join(', ')} below it, each with a number`,
  });
}
