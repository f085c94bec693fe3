import type { Endpoint } from '../model/endpoint.ts';
import type { Service } from '../model/service.ts';
import type { Attachment } from './attachments/attachment.ts';
import type { Facts } from './facts/facts.ts';
import { bridgeUse } from './guests.ts';
import { arpChainState } from './rules/chains.ts';
import { type WantedServices, wantedServices } from './wanted.ts';

/** What a bridge of a running host should come to. */
export type Decision =
  /** What its attached networks get. */
  | WantedServices
  /** Guests that somebody else's driver deployed, or no configuration: endpoints stay, the plumbing under them is repaired. */
  | { readonly is: 'as-mapped'; readonly endpoints: readonly Endpoint[] }
  | { readonly is: 'remove'; readonly why: string }
  | { readonly is: 'leave'; readonly why: string };

/** Pure. `living`: the living attachments of this bridge. `services` undefined: nobody knows what they should have. */
export function decide(
  facts: Facts,
  living: readonly Attachment[],
  services: readonly Service[] | undefined,
): Decision {
  if (facts.device.is !== 'bridge') return { is: 'remove', why: 'its bridge is gone' };
  const use = bridgeUse(facts, living, { uplinks: [], leaving: [] });
  if (living.length > 0 && services !== undefined) {
    const owned = new Set(living.flatMap(({ servicePorts }) => servicePorts));
    return wantedServices({ facts, living, use }, services, owned);
  }
  const mapped = facts.nft.endpoints ?? [];
  if (living.length > 0 || use.guestPorts.length > 0) {
    if (mapped.length > 0) return { is: 'as-mapped', endpoints: mapped };
    const unknown = living.length > 0 ? 'there is no configuration' : 'nobody is recorded on it';
    return { is: 'leave', why: `${unknown} and it has no endpoint` };
  }
  // A stock driver plumbs seconds before the guest's port appears: without our mark it is not ours to take.
  if (arpChainState(facts.nft.chains, facts.bridge) !== 'right')
    return { is: 'leave', why: 'somebody else plumbed it' };
  return { is: 'remove', why: 'its last guest has left' };
}
