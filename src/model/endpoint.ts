import { sameOptions } from './endpoint-options.ts';

/** Where a service leads: an IPv4 address and a TCP port. */
export interface Upstream {
  readonly address: string;
  readonly port: number;
}

/** A service port and its upstream as stored in the nft map of one bridge. */
export interface Endpoint {
  readonly servicePort: number;
  readonly upstream: Upstream;
  /** Comment of the element, which holds the options (endpoint-options.ts) and whatever else somebody wrote there. */
  readonly comment?: string;
}

/** The endpoints of every bridge that has a map, the empty ones included. */
export type EndpointMaps = ReadonlyMap<string, readonly Endpoint[]>;

/** True when guests notice no difference. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.servicePort === b.servicePort &&
    a.upstream.address === b.upstream.address &&
    a.upstream.port === b.upstream.port &&
    sameOptions(a.comment, b.comment)
  );
}

/** True when `list` has one like it. */
export function hasEndpoint(list: readonly Endpoint[], endpoint: Endpoint): boolean {
  return list.some((other) => sameEndpoint(other, endpoint));
}

/** True when both hold the same endpoints, in any order. */
export function sameEndpoints(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  if (a.length !== b.length) return false;
  const byPort = new Map(b.map((endpoint) => [endpoint.servicePort, endpoint]));
  return a.every((endpoint) => {
    const other = byPort.get(endpoint.servicePort);
    return other !== undefined && sameEndpoint(endpoint, other);
  });
}

/** The bridges that have an endpoint. A map without one is as good as none. */
export function servedBridges(maps: EndpointMaps): EndpointMaps {
  return new Map([...maps].filter(([, endpoints]) => endpoints.length > 0));
}
