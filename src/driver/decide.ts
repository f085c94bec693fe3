import type { Endpoint } from '../model/endpoint.ts';
import type { Service } from '../model/service.ts';
import type { Attachment } from './attachments/attachment.ts';
import type { Facts } from './facts/facts.ts';
import { type BridgeUse, bridgeUse } from './guests.ts';
import { arpChainState } from './rules/chains.ts';
import { type Conflict, unionOf } from './union.ts';

/** What a bridge should come to; all of it pure. */
export type Decision =
  /** What its attached networks get. */
  | WantedServices
  /** Guests that somebody else's driver deployed, or no configuration: endpoints stay, the plumbing under them is repaired. */
  | { readonly is: 'as-mapped'; readonly endpoints: readonly Endpoint[] }
  | Removal
  | { readonly is: 'leave'; readonly why: string };

/** What the guests of a bridge should have. */
export interface WantedServices {
  readonly is: 'services';
  readonly services: readonly Service[];
  readonly conflicts: readonly Conflict[];
  /** Endpoints of guests that we have no record of; they are not ours to take. */
  readonly foreign: readonly Endpoint[];
}

/** All of its plumbing goes. */
interface Removal {
  readonly is: 'remove';
  readonly why: string;
}

/** It stays as it is: guests are there, and nobody knows what they need. */
export type Untouched =
  | { readonly is: 'as-it-is'; readonly because: 'unknown-guests'; readonly ports: readonly string[] }
  | { readonly is: 'as-it-is'; readonly because: 'unreadable-configuration' };

export interface Situation {
  readonly facts: Facts;
  /** Living attachments of this bridge. */
  readonly living: readonly Attachment[];
  readonly use: BridgeUse;
}

/**
 * The union of what the attached networks get. `owned` are service ports that our own `up` once put into the map: a
 * service that was taken out of the configuration leaves a bridge even while foreign guests are on it.
 */
export function wantedServices(
  { facts, living, use }: Situation,
  services: readonly Service[],
  owned: ReadonlySet<number>,
): WantedServices {
  const union = unionOf(living, services);
  const ports = new Set(union.services.map(({ servicePort }) => servicePort));
  const others = (facts.nft.endpoints ?? []).filter(
    ({ servicePort }) => !ports.has(servicePort) && !owned.has(servicePort),
  );
  return { is: 'services', ...union, foreign: use.unrecorded.length === 0 ? [] : others };
}

const DEVICE_GONE: Removal = { is: 'remove', why: 'its bridge is gone' };
const GUESTS_GONE: Removal = { is: 'remove', why: 'its last guest has left' };

/** For `apply`. `living`: the living attachments of this bridge. `services` undefined: nobody knows what they should have. */
export function decideAnyTime(
  facts: Facts,
  living: readonly Attachment[],
  services: readonly Service[] | undefined,
): Decision {
  if (facts.device.is !== 'bridge') return DEVICE_GONE;
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
  return GUESTS_GONE;
}

/** For `down`, when somebody has just left the bridge. `services` undefined: the configuration is unreadable. */
export function decideAfterLeaving(
  situation: Situation,
  services: readonly Service[] | undefined,
): WantedServices | Removal | Untouched {
  const { facts, living, use } = situation;
  if (facts.device.is !== 'bridge') return DEVICE_GONE;
  if (living.length === 0) {
    if (use.guestPorts.length === 0) return GUESTS_GONE;
    return { is: 'as-it-is', because: 'unknown-guests', ports: use.guestPorts };
  }
  if (services === undefined) return { is: 'as-it-is', because: 'unreadable-configuration' };
  // Nothing is owned on the way down: a foreign guest may use what our guest, now gone, had.
  return wantedServices(situation, services, new Set());
}
