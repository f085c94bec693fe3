import { bridgeOfArpChain, bridgeOfNetns } from '../model/names.ts';
import type { NftTables } from '../system/nft.ts';
import type { Attachment } from './attachments/attachment.ts';

/** Every bridge that somebody is attached to or that has a trace of ours, in the order of their names. */
export function tracedBridges(
  attachments: readonly Attachment[],
  tables: NftTables | undefined,
  netns: readonly string[],
): readonly string[] {
  const all = new Set([
    ...attachments.map(({ bridge }) => bridge),
    ...(tables?.ip?.endpointMaps.keys() ?? []),
    ...[...(tables?.bridge?.chains.keys() ?? [])].map(bridgeOfArpChain),
    ...netns.map(bridgeOfNetns),
  ]);
  return [...all].filter((bridge) => bridge !== undefined).sort();
}
