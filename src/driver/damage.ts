import type { EndpointMaps } from '../model/endpoint.ts';
import type { Attachment } from './attachments/attachment.ts';

/**
 * Bridges on which guests should have services and that have no endpoint in nft, in the order of their names: somebody flushed
 * it. A guest counts when its tap is there, or was attached by hand: what a stock driver just takes away is no damage.
 */
export function damagedBridges(
  living: readonly Attachment[],
  devices: ReadonlySet<string>,
  maps: EndpointMaps,
): readonly string[] {
  const bridges = living
    .filter(({ servicePorts }) => servicePorts.length > 0)
    .filter(({ owner }) => owner.is === 'hand' || devices.has(owner.tap))
    .map(({ bridge }) => bridge)
    .filter((bridge) => devices.has(bridge) && (maps.get(bridge) ?? []).length === 0);
  return [...new Set(bridges)].sort();
}
