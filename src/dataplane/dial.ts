import { close } from '../linux/descriptor.ts';
import { Errno } from '../linux/errno.ts';
import { delayAcks, tcpConnect, tcpSocket } from '../linux/socket.ts';
import type { Bridge } from './bridge.ts';
import type { Guest } from './guests.ts';
import type { Route } from './messages.ts';
import { connectOutcome, type Outcome } from './outcome.ts';
import type { Parties } from './parties.ts';
import { proxyV2Header } from './proxy-v2.ts';
import { Relay, type RelayHost } from './relay.ts';

/**
 * Dials the upstream of `parties` and joins it to `downstream`. The relay, or why there is none; `downstream` is open and
 * the caller's then.
 */
export function dial(
  host: RelayHost,
  whose: { readonly bridge: Bridge; readonly guest: Guest },
  downstream: number,
  parties: Parties,
  route: Route,
): Relay | Outcome {
  const upstream = tcpSocket();
  if (upstream < 0) return connectOutcome(-upstream);
  delayAcks(upstream);
  const result = tcpConnect(upstream, parties.upstreamIp, parties.upstreamPort);
  if (result < 0 && result !== -Errno.EINPROGRESS) {
    close(upstream);
    return connectOutcome(-result);
  }
  const header = route.proxyV2 ? proxyV2Header(parties, whose.bridge.name) : undefined;
  try {
    return new Relay(host, whose, { downstream, upstream }, parties, header);
  } catch {
    close(upstream);
    return 'error';
  }
}
