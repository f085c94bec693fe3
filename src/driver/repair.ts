import { TproxyError } from '../errors.ts';
import type { Service } from '../model/service.ts';
import { readEndpointMaps } from '../system/nft.ts';
import { damagedBridges } from './damage.ts';
import type { DriverDeps } from './deps.ts';
import { applyBridges } from './host.ts';
import { look, type View } from './look.ts';

/**
 * Puts back what nft has lost of bridges with guests, `but` one excepted; daemons are not told. True when there was
 * anything to put back. What can't be put back is reported. The caller holds the lock.
 */
export async function repairLost(
  view: View,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
  but?: string,
): Promise<boolean> {
  const maps = await readEndpointMaps(deps.run);
  const lost = damagedBridges(view.living, view.devices, maps).filter((bridge) => bridge !== but);
  if (lost.length === 0) return false;
  deps.report.warning(
    `nft has lost the endpoints of ${lost.join(', ')}, where guests are (was it flushed?): putting them back`,
  );
  // No service at all would take the rest of their plumbing, too.
  const known = services?.length === 0 ? undefined : services;
  for (const { decision, why, bridge } of await applyBridges(lost, view, known, deps)) {
    if (decision === 'services' || decision === 'as-mapped') continue;
    deps.report.error(`bridge ${bridge}: its guests have no service: ${why ?? decision}`);
  }
  return true;
}

export interface Repairing {
  /** Undefined: nobody knows what was in the maps. */
  readonly services: readonly Service[] | undefined;
  readonly deps: DriverDeps;
}

/**
 * The same before daemons are asked to follow nft; `wanted` is asked only when something is lost. Rejects when guests would
 * be left without their services.
 */
export async function repairBeforeDaemons(
  wanted: () => Promise<Repairing>,
  deps: Pick<DriverDeps, 'run' | 'host' | 'attachments' | 'report'>,
): Promise<void> {
  const view = await look(deps);
  if (view.living.length === 0) return;
  const before = damagedBridges(view.living, view.devices, await readEndpointMaps(deps.run));
  if (before.length === 0) return;
  const repairing = await wanted();
  await repairLost(view, repairing.services, repairing.deps);
  const left = damagedBridges((await look(deps)).living, view.devices, await readEndpointMaps(deps.run));
  if (left.length === 0) return;
  throw new TproxyError(
    `nft has no endpoints for ${left.join(', ')}, although guests are recorded there; the daemons were left as they are`,
    { remedy: 'find the fault with tproxy check, then run tproxy apply' },
  );
}
