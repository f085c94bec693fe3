import type { Route } from '../dataplane/messages.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { parseOptions } from '../model/endpoint-options.ts';
import { parseIpv4 } from '../model/ipv4.ts';

/** An endpoint as the data plane needs it. */
export function routeOf({ servicePort, upstream, comment }: Endpoint): Route {
  const { proxyProtocol, guestConnections, guestRate } = parseOptions(comment);
  return {
    servicePort,
    ip: parseIpv4(upstream.address),
    port: upstream.port,
    proxyV2: proxyProtocol === 'v2',
    guestConnections,
    guestRate,
  };
}
