import { type Endpoint, hasEndpoint } from '../../model/endpoint.ts';
import { endpointMapName, SERVICE_ADDRESS } from '../../model/names.ts';
import { type Finding, failed, ok, warning } from '../check.ts';
import { APPLY } from '../remedies.ts';

/**
 * The endpoint map of a bridge against what configuration and attachments ask for. `mapped` undefined: there is no map;
 * `wanted` undefined: nobody knows, because configuration or plan can't be read.
 */
export function judgeMap(
  bridge: string,
  mapped: readonly Endpoint[] | undefined,
  wanted: readonly Endpoint[] | undefined,
): Finding {
  const name = `map ${endpointMapName(bridge)}`;
  if (mapped === undefined && (wanted === undefined || wanted.length > 0)) {
    return failed(`there is no ${name}`, APPLY);
  }
  const present = mapped ?? [];
  const missing = (wanted ?? []).filter((endpoint) => !hasEndpoint(present, endpoint));
  if (missing.length > 0) {
    return failed(
      `${name} lacks what the configuration asks for: ${missing.map(endpointText).join(', ')}`,
      APPLY,
    );
  }
  const surplus = wanted === undefined ? [] : present.filter((endpoint) => !hasEndpoint(wanted, endpoint));
  if (surplus.length > 0) {
    return warning(
      `${name} has what the configuration does not ask for: ${surplus.map(endpointText).join(', ')}`,
      APPLY,
    );
  }
  if (present.length === 0) return ok(`${name} is empty: no service for this bridge`);
  return ok(present.map(endpointText).join(', '));
}

/** Listening sockets inside the netns against the map. `listening`: `address:port` of each. */
export function judgeListening(
  bridge: string,
  mapped: readonly Endpoint[],
  listening: readonly string[],
): Finding {
  const wanted = mapped.map(({ servicePort }) => `${SERVICE_ADDRESS}:${servicePort}`);
  const missing = wanted.filter((socket) => !listening.includes(socket));
  if (missing.length > 0) {
    return failed(
      `nobody listens on ${missing.join(', ')}`,
      `run tproxy reload; what it can't do is in /var/log/one_tproxy_${bridge}.log`,
    );
  }
  const surplus = listening.filter((socket) => !wanted.includes(socket));
  if (surplus.length > 0) {
    return warning(
      `somebody listens on ${surplus.join(', ')}, which no endpoint asks for`,
      `run tproxy reload; if it stays, see who: ip netns exec one_tproxy_${bridge} ss -ltnp`,
    );
  }
  return ok(wanted.length === 0 ? 'nothing listens, as it should be' : wanted.join(', '));
}

function endpointText({ servicePort, upstream }: Endpoint): string {
  return `${servicePort} → ${upstream.address}:${upstream.port}`;
}
