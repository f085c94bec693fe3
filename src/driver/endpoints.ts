import type { Endpoint } from '../model/endpoint.ts';
import { endpointOf, type Service } from '../model/service.ts';
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
