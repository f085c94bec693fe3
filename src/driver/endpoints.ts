import type { Endpoint } from '../model/endpoint.ts';
import { endpointOf, type Service } from '../model/service.ts';
import type { Reporter, Resolve } from './deps.ts';

/**
 * Endpoints of a bridge's services. A host name that does not resolve keeps the address that the map has for its service
 * port now, and harms no other service.
 */
export async function endpointsFor(
  services: readonly Service[],
  current: readonly Endpoint[],
  resolve: Resolve,
  report: Reporter,
): Promise<readonly Endpoint[]> {
  const { endpoints, failures } = await resolve(services);
  const kept = failures.flatMap(({ service, reason }) => {
    const last = current.find(({ servicePort }) => servicePort === service.servicePort);
    const outcome =
      last === undefined ? 'it is not available' : `it keeps ${last.upstream.address}:${last.upstream.port}`;
    report.error(`service port ${service.servicePort} (line ${service.line}): ${reason}; ${outcome}`);
    return last === undefined ? [] : [endpointOf(service, last.upstream)];
  });
  return [...endpoints, ...kept];
}

/** Asks for each service once, so that what was asked before the lock was taken costs nothing while it is held. */
export function rememberingResolve(resolve: Resolve): Resolve {
  const answers = new Map<Service, Endpoint | { readonly reason: string }>();
  return async (services) => {
    const unknown = services.filter((service) => !answers.has(service));
    if (unknown.length > 0) {
      const { endpoints, failures } = await resolve(unknown);
      for (const { service, reason } of failures) answers.set(service, { reason });
      // A service port is the key of a bridge's services, so it finds the answer again.
      const byPort = new Map(endpoints.map((endpoint) => [endpoint.servicePort, endpoint]));
      for (const service of unknown) {
        const endpoint = byPort.get(service.servicePort);
        if (endpoint !== undefined) answers.set(service, endpoint);
      }
    }
    const endpoints: Endpoint[] = [];
    const failures: { service: Service; reason: string }[] = [];
    for (const service of services) {
      const answer = answers.get(service) ?? { reason: 'it was not resolved' };
      if ('reason' in answer) failures.push({ service, reason: answer.reason });
      else endpoints.push(answer);
    }
    return { endpoints, failures };
  };
}
