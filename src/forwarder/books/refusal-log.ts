import type { Refusal } from '../../dataplane/admission/refusals.ts';
import type { Logger } from '../../log.ts';
import { formatIpv4 } from '../../model/ipv4.ts';

/** A line per bridge and cause, for what may have been thousands of connections. */
export function logRefusals(
  log: Logger,
  refusals: readonly Refusal[],
  bridgeName: (id: number) => string | undefined,
): void {
  for (const { bridgeId, cause, count, guestIp, servicePort } of refusals) {
    log.warn(
      {
        bridge: bridgeName(bridgeId),
        cause,
        connections: count,
        last_guest: formatIpv4(guestIp),
        service_port: servicePort,
      },
      'connections over the limit refused',
    );
  }
}
