import type { ServiceRoute } from '../dataplane/messages.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { parseOptions } from '../model/endpoint-options.ts';
import { parseIpv4 } from '../model/ipv4.ts';

/** An endpoint as the data plane needs it. */
export function serviceRoute({ servicePort, upstream, comment }: Endpoint): ServiceRoute {
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
