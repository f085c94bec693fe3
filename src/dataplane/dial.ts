import { close } from '../linux/descriptor.ts';
import { Errno } from '../linux/errno.ts';
import { delayAcks, tcpConnect, tcpSocket } from '../linux/tcp-socket.ts';
import type { Bridge } from './bridge.ts';
import type { Guest } from './guests.ts';
import type { ServiceRoute } from './messages.ts';
import { connectOutcome, type Outcome } from './outcome.ts';
import type { Parties } from './parties.ts';
import { proxyV2Header } from './proxy-v2.ts';
import { Relay, type RelayOwner } from './relay.ts';

/**
 * Dials the upstream of `parties` and joins it to `downstream`. The relay, or why there is none; `downstream` is open and
 * the caller's then.
 */
export function dial(
  owner: RelayOwner,
  whose: { readonly bridge: Bridge; readonly guest: Guest },
  downstream: number,
  parties: Parties,
  route: ServiceRoute,
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
    return new Relay(owner, whose, { downstream, upstream }, parties, header);
  } catch {
    close(upstream);
    return 'error';
  }
}
