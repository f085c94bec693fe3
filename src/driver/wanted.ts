import type { Endpoint } from '../model/endpoint.ts';
import type { Service } from '../model/service.ts';
import type { Attachment } from './attachments/attachment.ts';
import type { Facts } from './facts/facts.ts';
import type { BridgeUse } from './guests.ts';
import { type Conflict, unionOf } from './union.ts';

/** What the guests of a bridge should have. */
export interface WantedServices {
  readonly is: 'services';
  readonly services: readonly Service[];
  readonly conflicts: readonly Conflict[];
  /** Endpoints of guests that we have no record of; they are not ours to take. */
  readonly foreign: readonly Endpoint[];
}

/** What a bridge should come to when somebody has left it. */
export type Remaining =
  | WantedServices
  /** Nobody is left: all of it goes. */
  | { readonly is: 'nothing' }
  | Untouched;

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

/** `services` undefined: the configuration is unreadable. */
export function wantedAfterwards(situation: Situation, services: readonly Service[] | undefined): Remaining {
  const { facts, living, use } = situation;
  if (facts.device.is !== 'bridge') return { is: 'nothing' };
  if (living.length === 0) {
    if (use.guestPorts.length === 0) return { is: 'nothing' };
    return { is: 'as-it-is', because: 'unknown-guests', ports: use.guestPorts };
  }
  if (services === undefined) return { is: 'as-it-is', because: 'unreadable-configuration' };
  // Nothing is owned on the way down: a foreign guest may use what our guest, now gone, had.
  return wantedServices(situation, services, new Set());
}
