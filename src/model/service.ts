import type { Endpoint, Upstream } from './endpoint.ts';
import { type EndpointOptions, formatOptions } from './endpoint-options.ts';

/** One `:tproxy:` entry of the configuration. */
export interface Service {
  readonly servicePort: number;
  /** IPv4 address or host name. */
  readonly remoteAddr: string;
  readonly remotePort: number;
  /** Names or ids of networks; empty: every network. */
  readonly networks: readonly string[];
  readonly options?: EndpointOptions;
  /** Its host does not exist, and no address is known from before: a later entry for the port stands in for it. */
  readonly unknown?: boolean;
  /** Line of the entry in the configuration file, from 1. */
  readonly line: number;
}

/**
 * What a host name comes to: an IPv4 address, or why there is none, and what to do where that is known. `unknown`: the name does
 * not exist, says who has to know.
 */
export type Resolved =
  | { readonly address: string }
  | { readonly reason: string; readonly remedy?: string; readonly unknown?: true };

/** A virtual network as the orchestrator names it. */
export interface NetworkRef {
  readonly name?: string;
  readonly id?: string;
}

/** What the services of one network come to. */
export interface Selection {
  /** In the order of the file. */
  readonly services: readonly Service[];
  /** Matching entries whose service port another matching entry has: an earlier one, or one that stands in for it. */
  readonly shadowed: readonly { readonly service: Service; readonly by: Service }[];
}

/** The services that `network` gets: filter first, then drop duplicates of a service port. */
export function selectServices(services: readonly Service[], network: NetworkRef): Selection {
  const chosen = new Map<number, Service>();
  const shadowed: { service: Service; by: Service }[] = [];
  for (const service of services) {
    if (!matches(service, network)) continue;
    const by = chosen.get(service.servicePort);
    // In the place of one that leads nowhere, the next one that leads somewhere.
    const standsIn = by?.unknown === true && service.unknown !== true;
    if (by === undefined || standsIn) chosen.set(service.servicePort, service);
    if (by !== undefined) shadowed.push(standsIn ? { service: by, by: service } : { service, by });
  }
  return { services: [...chosen.values()], shadowed };
}

/** The service as an element of an endpoint map, with its options and no others. */
export function endpointOf({ servicePort, options = {} }: Service, upstream: Upstream): Endpoint {
  const comment = formatOptions(options);
  return comment === undefined ? { servicePort, upstream } : { servicePort, upstream, comment };
}

function matches(service: Service, network: NetworkRef): boolean {
  if (service.networks.length === 0) return true;
  return service.networks.some((wanted) => wanted === network.name || wanted === network.id);
}
