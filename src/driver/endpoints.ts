import type { Endpoint, Upstream } from '../model/endpoint.ts';
import { endpointOf, type NetworkRef, type Service, selectServices } from '../model/service.ts';
import type { AddressBook } from './addresses.ts';
import type { Reporter } from './deps.ts';

/**
 * Endpoints of a bridge's services. A host name that does not resolve keeps the address that the map has for its service
 * port now, and harms no other service.
 */
export async function endpointsFor(
  services: readonly Service[],
  current: readonly Endpoint[],
  addresses: AddressBook,
  report: Reporter,
): Promise<readonly Endpoint[]> {
  await addresses.learn(services);
  const last = new Map(current.map((endpoint) => [endpoint.servicePort, endpoint.upstream]));
  const endpoints: Endpoint[] = [];
  const kept: Endpoint[] = [];
  for (const service of services) {
    const { servicePort, remotePort, line } = service;
    const resolved = addresses.addressOf(service);
    if ('address' in resolved) {
      endpoints.push(endpointOf(service, { address: resolved.address, port: remotePort }));
      continue;
    }
    const upstream = last.get(servicePort);
    const outcome =
      upstream === undefined ? 'it is not available' : `it keeps ${upstream.address}:${upstream.port}`;
    const remedy = resolved.remedy === undefined ? '' : `; ${resolved.remedy}`;
    report.error(`service port ${servicePort} (line ${line}): ${resolved.reason}; ${outcome}${remedy}`);
    if (upstream !== undefined) kept.push(endpointOf(service, upstream));
  }
  return [...endpoints, ...kept];
}

/**
 * The services, with those marked whose host does not exist and that have no address from before: a later entry for the same
 * port stands in for such a one. A name that merely can't be asked for now keeps its place, or each fault of a name server would
 * lead guests elsewhere; one that was known before keeps its last good address. `networks`: those of the bridge; `current`: what
 * it has.
 */
export async function withUnknownMarked(
  services: readonly Service[],
  networks: readonly NetworkRef[],
  current: readonly Endpoint[],
  addresses: AddressBook,
): Promise<readonly Service[]> {
  const contested = networks.flatMap((network) =>
    selectServices(services, network).shadowed.flatMap(({ service, by }) => [service, by]),
  );
  await addresses.learn(contested);
  const unknown = new Set(contested.filter((service) => isUnknown(service, addresses)));
  if (unknown.size === 0) return services;
  const hasLastGood = ({ servicePort, remotePort }: Service): boolean => {
    const last = current.find((endpoint) => endpoint.servicePort === servicePort)?.upstream;
    if (last === undefined || last.port !== remotePort) return false;
    // What the map has may be what another entry gave.
    return !contested.some((other) => other.servicePort === servicePort && leadsTo(other, last, addresses));
  };
  return services.map((service) =>
    unknown.has(service) && !hasLastGood(service) ? { ...service, unknown: true } : service,
  );
}

function isUnknown(service: Service, addresses: AddressBook): boolean {
  const resolved = addresses.addressOf(service);
  return 'reason' in resolved && resolved.unknown === true;
}

function leadsTo(service: Service, { address, port }: Upstream, addresses: AddressBook): boolean {
  const resolved = addresses.addressOf(service);
  return 'address' in resolved && resolved.address === address && service.remotePort === port;
}
