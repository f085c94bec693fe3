import {
  type BridgeStats,
  CONNECT_BUCKETS_MS,
  FAILURE_CAUSES,
  type ServiceStats,
  type Stats,
} from '../model/stats.ts';
import { type Family, family, gauge, type Sample } from './family.ts';
import { healthFamilies } from './health-families.ts';

/** Limits whose hits are told from the beginning, so that the first hit is an increase. */
const LIMITS = ['guest-limit', 'guest-rate', 'guest-share'];

/** All metrics. Everything is counted from the start of the forwarder on; Prometheus knows about such resets. */
export function familiesOf(stats: Stats): Family[] {
  return [
    ...upFamilies(true),
    ...serviceFamilies(stats.bridges),
    ...bridgeFamilies(stats.bridges),
    ...healthFamilies(stats.health),
    ...troubleFamilies(stats.health.failedNics ?? 0),
  ];
}

/** What is told while no forwarder runs. */
export function upFamilies(up: boolean): Family[] {
  return [gauge('tproxy_up', 'Whether the forwarder runs and answers.', up ? 1 : 0)];
}

/** Endpoints in nft, also while nothing runs: a host that has some and no forwarder is in trouble. */
export function endpointFamilies(endpoints: number): Family[] {
  return [gauge('tproxy_endpoints', 'Service ports that the endpoint maps in nft ask for.', endpoints)];
}

/** NICs whose last hook failed without keeping their VM from starting. */
export function troubleFamilies(nics: number): Family[] {
  return [gauge('tproxy_failed_nics', 'NICs of VMs that run although their last hook failed.', nics)];
}

type Of = readonly (readonly [Readonly<Record<string, string>>, ServiceStats])[];

function serviceFamilies(bridges: readonly BridgeStats[]): Family[] {
  const of: Of = bridges.flatMap(({ bridge, services }) =>
    services.map((service) => [{ bridge, service: String(service.servicePort) }, service] as const),
  );
  const present: Of = of.filter(([, { state }]) => state !== 'removed');
  const each = (value: (service: ServiceStats) => number, among = of): Sample[] =>
    among.map(([labels, service]) => ({ labels, value: value(service) }));
  return [
    family(
      'tproxy_service_up',
      'gauge',
      'Whether guests can connect to the service port.',
      each(({ state }) => (state === 'listening' ? 1 : 0), present),
    ),
    family(
      'tproxy_connections_total',
      'counter',
      'Connections of guests, the living ones included.',
      each(({ connections }) => connections),
    ),
    family(
      'tproxy_relays',
      'gauge',
      'Living connections.',
      each(({ relays }) => relays, present),
    ),
    family(
      'tproxy_bytes_total',
      'counter',
      'Bytes relayed, by direction.',
      of.flatMap(([labels, service]) => [
        { labels: { ...labels, direction: 'to_upstream' }, value: service.bytesToUpstream },
        { labels: { ...labels, direction: 'to_guest' }, value: service.bytesToGuest },
      ]),
    ),
    family(
      'tproxy_connections_finished_total',
      'counter',
      'Connections that have ended, by how they ended.',
      of.flatMap(([labels, { outcomes }]) =>
        Object.entries({ closed: 0, ...outcomes }).map(([outcome, value]) => ({
          labels: { ...labels, outcome },
          value,
        })),
      ),
    ),
    family(
      'tproxy_connection_errors_total',
      'counter',
      'Connections that never came about, by cause.',
      of.flatMap(([labels, { outcomes }]) =>
        FAILURE_CAUSES.map((cause) => ({ labels: { ...labels, cause }, value: outcomes[cause] ?? 0 })),
      ),
    ),
    family(
      'tproxy_upstream_connect_seconds',
      'histogram',
      'Time until the upstream answered.',
      of.flatMap(connectSamples),
    ),
  ];
}

/** Only for services whose upstream has ever answered: fifteen series each. */
function connectSamples([labels, { connect }]: Of[number]): Sample[] {
  const count = connect.counts.reduce((sum, bucket) => sum + bucket, 0);
  if (count === 0) return [];
  let below = 0;
  const buckets = CONNECT_BUCKETS_MS.map((bound, i) => {
    below += connect.counts[i] ?? 0;
    return { suffix: '_bucket', labels: { ...labels, le: String(bound / 1000) }, value: below };
  });
  return [
    ...buckets,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
    { suffix: '_sum', labels, value: connect.sumMs / 1000 },
    { suffix: '_count', labels, value: count },
  ];
}

function bridgeFamilies(bridges: readonly BridgeStats[]): Family[] {
  const served = bridges.filter((bridge) => bridge.served);
  return [
    family(
      'tproxy_listener_up',
      'gauge',
      'Whether the listener of the bridge serves.',
      served.map(({ bridge, listenerPid }) => ({
        labels: { bridge },
        value: listenerPid === undefined ? 0 : 1,
      })),
    ),
    family(
      'tproxy_listener_recoveries_total',
      'counter',
      'How often a listener that died or lost its netns was brought back.',
      bridges.map(({ bridge, recoveries: value }) => ({ labels: { bridge }, value })),
    ),
    family(
      'tproxy_connections_refused_total',
      'counter',
      'Connections over a limit, by limit.',
      bridges.flatMap(({ bridge, refused }) =>
        Object.entries({ ...Object.fromEntries(LIMITS.map((limit) => [limit, 0])), ...refused }).map(
          ([limit, value]) => ({ labels: { bridge, limit }, value }),
        ),
      ),
    ),
  ];
}
