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

/** What is asked for a service once, so that what was asked before the lock was taken costs nothing while it is held. */
type Answer = Endpoint | Omit<Failure, 'service'>;
type Failure = Awaited<ReturnType<Resolve>>['failures'][number];

export function rememberingResolve(resolve: Resolve): Resolve {
  const answers = new Map<string, Answer>();
  return async (services) => {
    const unknown = services.filter((service) => !answers.has(keyOf(service)));
    // A service port is the key by which an answer is found again.
    await Promise.all(
      withDistinctPorts(unknown).map(async (batch) => {
        const { endpoints, failures } = await resolve(batch);
        for (const { service, ...why } of failures) answers.set(keyOf(service), why);
        const byPort = new Map(endpoints.map((endpoint) => [endpoint.servicePort, endpoint]));
        for (const service of batch) {
          const endpoint = byPort.get(service.servicePort);
          if (endpoint !== undefined) answers.set(keyOf(service), endpoint);
        }
      }),
    );
    const endpoints: Endpoint[] = [];
    const failures: Failure[] = [];
    for (const service of services) {
      const answer = answers.get(keyOf(service)) ?? { reason: 'it was not resolved' };
      if ('reason' in answer) failures.push({ service, ...answer });
      else endpoints.push(answer);
    }
    return { endpoints, failures };
  };
}

function keyOf({ servicePort, remoteAddr, remotePort, options }: Service): string {
  return JSON.stringify([servicePort, remoteAddr, remotePort, options]);
}

/** The services in as many lists as it takes for no service port to stand twice in one. */
function withDistinctPorts(services: readonly Service[]): readonly (readonly Service[])[] {
  const batches: Service[][] = [];
  const seen = new Map<number, number>();
  for (const service of services) {
    const index = seen.get(service.servicePort) ?? 0;
    seen.set(service.servicePort, index + 1);
    const batch = batches[index] ?? [];
    batch.push(service);
    batches[index] = batch;
  }
  return batches;
}

/**
 * The services, with those marked whose host does not exist and that have no address from before: a later entry for the same
 * port stands in for such a one. A name that merely can't be asked for now keeps its place, or each fault of a name server would
 * lead guests elsewhere; one that was known before keeps its last good address. `current`: what the bridge has.
 */
export async function withUnknownMarked(
  services: readonly Service[],
  current: readonly Endpoint[],
  resolve: Resolve,
): Promise<readonly Service[]> {
  const isRival = (one: Service, other: Service): boolean =>
    one !== other && one.servicePort === other.servicePort;
  const byPort = new Map<number, number>();
  for (const { servicePort } of services) byPort.set(servicePort, (byPort.get(servicePort) ?? 0) + 1);
  const contested = services.filter(({ servicePort }) => (byPort.get(servicePort) ?? 0) > 1);
  if (contested.length === 0) return services;
  const { failures } = await resolve(contested);
  const unknown = new Set(failures.flatMap((failure) => (failure.unknown ? [failure.service] : [])));
  if (unknown.size === 0) return services;
  const known = contested.filter((service) => !unknown.has(service));
  const offers = await Promise.all(
    known.map(async (service) => ({ service, endpoints: (await resolve([service])).endpoints })),
  );
  /** What the map has may be what another entry gave. */
  const hasLastGood = (service: Service): boolean => {
    const last = current.find(({ servicePort }) => servicePort === service.servicePort)?.upstream;
    if (last === undefined || last.port !== service.remotePort) return false;
    return !offers.some(
      (offer) =>
        isRival(service, offer.service) &&
        offer.endpoints.some(
          ({ upstream }) => upstream.address === last.address && upstream.port === last.port,
        ),
    );
  };
  return services.map((service) =>
    unknown.has(service) && !hasLastGood(service) ? { ...service, unknown: true } : service,
  );
}
