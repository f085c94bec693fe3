import type { EndpointMaps } from '../../model/endpoint.ts';
import type { NetworkRef } from '../../model/service.ts';
import { type BridgeStats, failuresOf, isFailure, type ServiceStats, type Stats } from '../../model/stats.ts';
import type { OwnProcess } from '../../process/processes.ts';

/** The form of `StatusReport`; a change that readers would notice makes it a new one. */
export const STATUS_SCHEMA = 1;

/**
 * `listening`: guests are served. `closed`: its port could not be opened. `no-listener`, `no-netns`, `no-forwarder`: what it
 * needs is missing. `draining`: removed, its connections finish. `reload-needed`: nft and the daemons disagree.
 */
export const SERVICE_STATES = [
  'listening',
  'closed',
  'no-listener',
  'no-netns',
  'no-forwarder',
  'draining',
  'reload-needed',
] as const;
export type ShownState = (typeof SERVICE_STATES)[number];

/** What `tproxy status --json` prints. Documented in docs/status.schema.json; fields are added, never renamed. */
export interface StatusReport {
  readonly schema: typeof STATUS_SCHEMA;
  readonly version: string;
  /** A forwarder runs. */
  readonly running: boolean;
  /** Since when is counted: the start of the forwarder (ISO 8601). */
  readonly since: string | null;
  readonly processes: readonly ProcessReport[];
  readonly bridges: readonly BridgeReport[];
  /** What could not be found out, and why. */
  readonly problems: readonly string[];
}

export interface ProcessReport {
  readonly pid: number;
  readonly role: OwnProcess['role'];
  readonly bridge: string | null;
  /** A listener whose netns is gone or another one now. */
  readonly astray: boolean;
}

export interface BridgeReport {
  readonly bridge: string;
  /** Those that are recorded: bridges of stock drivers and by hand may have none. */
  readonly networks: readonly { readonly id: string | null; readonly name: string | null }[];
  readonly listenerPid: number | null;
  /** How often its listener died and was brought back. */
  readonly recoveries: number;
  /** Connections over a limit, by limit. */
  readonly refused: Readonly<Record<string, number>>;
  readonly services: readonly ServiceReport[];
}

export interface ServiceReport {
  readonly servicePort: number;
  /** `address:port`, as nft has it. */
  readonly upstream: string | null;
  readonly state: ShownState;
  readonly reason: string | null;
  readonly connections: { readonly now: number; readonly total: number };
  readonly bytes: { readonly toUpstream: number; readonly toGuest: number };
  /** Connections that never came about. */
  readonly errors: { readonly total: number; readonly byCause: Readonly<Record<string, number>> };
  /** Finished connections by how they ended. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** What was found on the host. */
export interface Findings {
  readonly version: string;
  readonly processes: readonly OwnProcess[];
  /** Undefined: no forwarder, or one that does not answer. */
  readonly stats: Stats | undefined;
  /** Undefined: nft can't be read. */
  readonly maps: EndpointMaps | undefined;
  readonly networks: ReadonlyMap<string, readonly NetworkRef[]>;
  /** Bridges whose netns exists. */
  readonly netns: ReadonlySet<string>;
  readonly problems: readonly string[];
}

export function reportOf(findings: Findings): StatusReport {
  const { version, processes, stats, maps, networks, problems } = findings;
  const known = new Map(stats?.bridges.map((bridge) => [bridge.bridge, bridge]));
  const names = [...new Set([...(maps?.keys() ?? []), ...networks.keys(), ...known.keys()])].sort();
  return {
    schema: STATUS_SCHEMA,
    version,
    running: processes.some(({ role }) => role === 'forwarder'),
    since: stats === undefined ? null : new Date(stats.health.startedAt * 1000).toISOString(),
    processes: processes.map(({ pid, role, bridge, astray }) => ({
      pid,
      role,
      bridge: bridge ?? null,
      astray,
    })),
    bridges: names
      .map((name) => bridgeReport(name, known.get(name), findings))
      .filter(({ services, networks: of }) => services.length > 0 || of.length > 0),
    problems,
  };
}

function bridgeReport(name: string, known: BridgeStats | undefined, findings: Findings): BridgeReport {
  const counted = new Map(known?.services.map((service) => [service.servicePort, service]));
  const wanted = new Map(
    findings.maps
      ?.get(name)
      ?.map(({ servicePort, upstream }) => [servicePort, `${upstream.address}:${upstream.port}`]),
  );
  const ports = [...new Set([...wanted.keys(), ...counted.keys()])].sort((a, b) => a - b);
  return {
    bridge: name,
    networks: (findings.networks.get(name) ?? []).map(({ id = null, name: called = null }) => ({
      id,
      name: called,
    })),
    listenerPid: known?.listenerPid ?? null,
    recoveries: known?.recoveries ?? 0,
    refused: known?.refused ?? {},
    services: ports
      .filter((port) => wanted.has(port) || counted.get(port)?.state !== 'removed')
      .map((port) => serviceReport(port, name, wanted.get(port), counted.get(port), findings)),
  };
}

function serviceReport(
  servicePort: number,
  bridge: string,
  upstream: string | undefined,
  counted: ServiceStats | undefined,
  findings: Findings,
): ServiceReport {
  const outcomes = counted?.outcomes ?? {};
  return {
    servicePort,
    upstream: upstream ?? counted?.upstream ?? null,
    state: stateOf(bridge, upstream, counted, findings),
    reason: counted?.reason ?? null,
    connections: { now: counted?.relays ?? 0, total: counted?.connections ?? 0 },
    bytes: { toUpstream: counted?.bytesToUpstream ?? 0, toGuest: counted?.bytesToGuest ?? 0 },
    errors: {
      total: failuresOf(outcomes),
      byCause: Object.fromEntries(Object.entries(outcomes).filter(([outcome]) => isFailure(outcome))),
    },
    outcomes,
  };
}

function stateOf(
  bridge: string,
  upstream: string | undefined,
  counted: ServiceStats | undefined,
  { stats, maps, netns }: Findings,
): ShownState {
  if (stats === undefined) return 'no-forwarder';
  if (!netns.has(bridge) && upstream !== undefined) return 'no-netns';
  const state = counted?.state ?? 'removed';
  if (maps !== undefined && upstream !== (state === 'draining' ? undefined : counted?.upstream))
    return 'reload-needed';
  return state === 'removed' ? 'reload-needed' : state;
}
