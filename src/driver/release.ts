import type { Service } from '../model/service.ts';
import { type Attachment, tapsOn } from './attachments/attachment.ts';
import { decideAfterLeaving, type Untouched } from './decide.ts';
import type { DriverDeps } from './deps.ts';
import { withUnknownMarked } from './endpoints.ts';
import { observeBridge } from './facts/observe.ts';
import { bridgeUse } from './guests.ts';
import { desiredEndpoints, settle } from './settle.ts';

/** Somebody leaves a bridge. */
export interface Leaving {
  readonly bridge: string;
  /** Taps of NICs that are being removed; they may still be ports of the bridge. */
  readonly taps: readonly string[];
  /** Ports that lead out of the host: PHYDEV and VLAN device. */
  readonly uplinks: readonly string[];
  /** The caller has seen that no guest is left on the bridge. */
  readonly lastGuest?: boolean;
}

export type Released =
  /** No plumbing is left on the bridge. */
  | { readonly is: 'removed'; readonly changed: boolean }
  /** Others have their services, and no more than those. */
  | { readonly is: 'shared'; readonly changed: boolean }
  | Untouched;

/**
 * Takes from a bridge what nobody needs any more, and all of it when nobody is left. `living`: who stays, on any bridge.
 * `services` undefined: the configuration is unreadable, then endpoints stay as they are. The caller holds the lock.
 */
export async function release(
  { bridge, taps, uplinks, lastGuest = false }: Leaving,
  living: readonly Attachment[],
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<Released> {
  const facts = await observeBridge(deps.run, deps.host, bridge);
  const here = living.filter((attachment) => attachment.bridge === bridge);
  const use = bridgeUse(facts, here, { uplinks, leaving: taps, lastGuest });
  const networks = here.map(({ network }) => network);
  const mapped = facts.nft.endpoints ?? [];
  const marked = services && (await withUnknownMarked(services, networks, mapped, deps.addresses));
  const decision = decideAfterLeaving({ facts, living: here, use }, marked);
  if (decision.is === 'as-it-is') return decision;
  const endpoints = decision.is === 'remove' ? [] : await desiredEndpoints(decision, facts, deps);
  const steps = await settle(facts, endpoints, tapsOn(bridge, living), deps);
  await deps.daemons.sync(bridge);
  return { is: endpoints.length === 0 ? 'removed' : 'shared', changed: steps.length > 0 };
}
