import type { Endpoint } from '../../model/endpoint.ts';
import { formatIpv4 } from '../../model/ipv4.ts';
import {
  addTotals,
  type BridgeStats,
  type GuestStats,
  type Health,
  NOTHING,
  type ServiceState,
  type ServiceStats,
  STATS_VERSION,
  type Stats,
  type Totals,
} from '../../model/stats.ts';
import { type BridgeCounters, type Counters, ServiceCounters } from './counters.ts';
import type { LivingTotals } from './living-totals.ts';

/** What is told of a bridge that is served. */
export interface BridgeCondition {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  /** Undefined: no listener serves. */
  readonly servingPid: number | undefined;
  readonly openPorts: ReadonlySet<number>;
  readonly failures: readonly { readonly port: number; readonly reason: string }[];
}

interface Parts {
  readonly bridges: readonly BridgeCondition[];
  readonly counters: Counters;
  readonly living: LivingTotals;
  readonly health: Health;
  readonly byGuest: boolean;
}

/** Puts together what is known, in the order of the bridges' names. */
export function composeStats({ bridges, counters, living, health, byGuest }: Parts): Stats {
  const served = new Map(bridges.map((bridge) => [bridge.name, bridge]));
  const counted = new Map(counters.entries());
  const names = [...new Set([...served.keys(), ...counted.keys(), ...living.services.keys()])].sort();
  return {
    stats: STATS_VERSION,
    health,
    bridges: names.map((name) => bridgeStats(name, served.get(name), counted.get(name), living)),
    ...(byGuest ? { guests: guestStats(counters, living) } : {}),
  };
}

function bridgeStats(
  name: string,
  condition: BridgeCondition | undefined,
  counted: Readonly<BridgeCounters> | undefined,
  living: LivingTotals,
): BridgeStats {
  const ports = new Set([
    ...(condition?.endpoints ?? []).map(({ servicePort }) => servicePort),
    ...(counted?.services.keys() ?? []),
    ...(living.services.get(name)?.keys() ?? []),
  ]);
  const services = [...ports]
    .sort((a, b) => a - b)
    .map((port) => serviceStats(name, port, condition, counted?.services.get(port), living));
  return {
    bridge: name,
    served: condition !== undefined,
    ...(condition?.servingPid === undefined ? {} : { listenerPid: condition.servingPid }),
    recoveries: counted?.recoveries ?? 0,
    refused: Object.fromEntries(counted?.refused ?? []),
    services,
  };
}

function serviceStats(
  bridge: string,
  port: number,
  condition: BridgeCondition | undefined,
  counters = new ServiceCounters(),
  living: LivingTotals,
): ServiceStats {
  const alive = living.services.get(bridge)?.get(port) ?? NOTHING;
  const endpoint = condition?.endpoints.find(({ servicePort }) => servicePort === port);
  const reason = condition?.failures.find((failure) => failure.port === port)?.reason;
  const { finished: connections, bytesToUpstream, bytesToGuest } = counters;
  return {
    servicePort: port,
    ...(endpoint === undefined ? {} : { upstream: `${endpoint.upstream.address}:${endpoint.upstream.port}` }),
    state: stateOf(port, endpoint === undefined ? undefined : condition, alive.relays),
    ...(reason === undefined ? {} : { reason }),
    ...addTotals({ connections, relays: 0, bytesToUpstream, bytesToGuest }, alive),
    outcomes: counters.byOutcome,
    connect: { counts: counters.connectCounts, sumMs: counters.connectSumMs },
  };
}

function stateOf(port: number, condition: BridgeCondition | undefined, relays: number): ServiceState {
  if (condition === undefined) return relays > 0 ? 'draining' : 'removed';
  if (condition.servingPid === undefined) return 'no-listener';
  return condition.openPorts.has(port) ? 'listening' : 'closed';
}

function guestStats(counters: Counters, living: LivingTotals): GuestStats[] {
  const guests = new Map<string, GuestStats>();
  const add = (bridge: string, ip: number, totals: Totals): void => {
    const guest = ip === 0 ? 'others' : formatIpv4(ip);
    const key = `${bridge} ${guest}`;
    guests.set(key, { bridge, guest, ...addTotals(guests.get(key) ?? NOTHING, totals) });
  };
  for (const {
    bridge,
    ip,
    finished: connections,
    bytesToUpstream,
    bytesToGuest,
  } of counters.guests.values()) {
    add(bridge, ip, { connections, relays: 0, bytesToUpstream, bytesToGuest });
  }
  for (const [bridge, sums] of living.guests) for (const [ip, totals] of sums) add(bridge, ip, totals);
  return [...guests.values()];
}
