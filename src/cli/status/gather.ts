import { askForwarder } from '../../control/ask.ts';
import { attachmentsIn } from '../../driver/attachments/attachments.ts';
import { messageOf } from '../../errors.ts';
import { netnsName } from '../../model/names.ts';
import type { NetworkRef } from '../../model/service.ts';
import { netnsPath, RUN_DIRECTORY } from '../../process/paths.ts';
import { namespaceInode, type OwnProcess } from '../../process/processes.ts';
import { readEndpointMaps } from '../../system/nft.ts';
import { runProgram } from '../../system/run.ts';
import { VERSION } from '../../version.ts';
import type { Findings } from './report.ts';

/** Looks at everything that `status` tells of. Changes nothing; what can't be found out is told as a problem. */
export async function gather(processes: readonly OwnProcess[]): Promise<Findings> {
  const problems: string[] = [];
  const tried = async <T>(look: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await look();
    } catch (error) {
      problems.push(messageOf(error));
      return undefined;
    }
  };
  const [stats, maps, loaded] = await Promise.all([
    tried(() => askForwarder('stats', { byGuest: false })),
    tried(() => readEndpointMaps(runProgram)),
    tried(() => attachmentsIn(`${RUN_DIRECTORY}/attachments`, 'look-only').load()),
  ]);
  problems.push(...(loaded?.damaged ?? []));
  const networks = networksByBridge(loaded?.attachments ?? []);
  const bridges = [...(maps?.keys() ?? []), ...(stats?.bridges ?? []).map(({ bridge }) => bridge)];
  const netns = bridges.filter((bridge) => namespaceInode(netnsPath(netnsName(bridge))) !== undefined);
  return { version: VERSION, processes, stats, maps, networks, netns: new Set(netns), problems };
}

/** The networks of each bridge, each of them once. */
function networksByBridge(
  attachments: readonly { readonly bridge: string; readonly network: NetworkRef }[],
): ReadonlyMap<string, readonly NetworkRef[]> {
  const found = new Map<string, Map<string, NetworkRef>>();
  for (const { bridge, network } of attachments) {
    const ofBridge = found.get(bridge) ?? new Map<string, NetworkRef>();
    found.set(bridge, ofBridge.set(JSON.stringify([network.id, network.name]), network));
  }
  return new Map([...found].map(([bridge, networks]) => [bridge, [...networks.values()]]));
}
