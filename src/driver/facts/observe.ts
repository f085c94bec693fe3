import { bridgePort, endpointMapName, netnsDevice, netnsName } from '../../model/names.ts';
import { readVlans } from '../../system/bridge.ts';
import { readPinned } from '../../system/fdb.ts';
import type { Host } from '../../system/host.ts';
import { askIp } from '../../system/ip.ts';
import { classifyIpFailure } from '../../system/ip-errors.ts';
import type { Link } from '../../system/ip-json.ts';
import { readNetns } from '../../system/netns.ts';
import { type NftTables, readObjects, readTables } from '../../system/nft.ts';
import type { Run } from '../../system/run.ts';
import { PORT_SET, TAP_MAP } from '../rules/arp-rules.ts';
import { chainNames } from '../rules/chains.ts';
import { netnsSysctls } from '../rules/netns-sysctls.ts';
import type { Facts, NetnsFacts, NftFacts, Port } from './facts.ts';
import { bridgeDevice, insideFacts, portFacts } from './link-facts.ts';
import { nftFacts } from './nft-facts.ts';

/** Everything about a bridge: three processes side by side, five when it has our port and a netns. Acts in the root namespace. */
export async function observeBridge(run: Run, host: Host, bridge: string): Promise<Facts> {
  return observe(run, host, bridge, 'tables', readTables(run));
}

/**
 * The same, but of nft only the bridge's own objects, which is enough to see that nothing has to be done, and does not
 * cost more with every other bridge of the host. A plan that changes nft needs `withTables`. Seven processes for nft.
 */
export async function glanceAtBridge(run: Run, host: Host, bridge: string): Promise<Facts> {
  const objects = readObjects(run, {
    endpoints: endpointMapName(bridge),
    chains: chainNames(bridge),
    sets: [PORT_SET],
    macMaps: [TAP_MAP],
  });
  return observe(run, host, bridge, 'own-objects', objects);
}

/** Facts of a glance, completed by what else is in our tables. */
export async function withTables(run: Run, facts: Facts): Promise<Facts> {
  if (facts.nft.seen === 'tables') return facts;
  return { ...facts, nft: nftFacts(await readTables(run), facts.bridge, 'tables') };
}

async function observe(
  run: Run,
  host: Host,
  bridge: string,
  seen: NftFacts['seen'],
  nft: Promise<NftTables>,
): Promise<Facts> {
  const names = host.deviceNames();
  const port = bridgePort(bridge);
  const [tables, links, pinned, netns] = await Promise.all([
    nft,
    names.then((all) => readLinks(run, host, all, bridge)),
    names.then((all) => (all.has(port) ? readPinned(run, port) : [])),
    observeNetns(run, host, bridge),
  ]);
  const named = new Map(links.map((link) => [link.name, link]));
  return {
    bridge,
    device: bridgeDevice(named.get(bridge)),
    ports: await portsOf(run, links, bridge),
    port: portFacts(named.get(port), pinned),
    netns,
    nft: nftFacts(tables, bridge, seen),
  };
}

/** VLANs are asked for where they matter only: that is a process more. */
export async function portsOf(run: Run, links: readonly Link[], bridge: string): Promise<readonly Port[]> {
  const filters = links.some(({ name, bridge: info }) => name === bridge && info?.filtersVlans === true);
  const vlans = filters ? await readVlans(run) : undefined;
  return links
    .filter(({ master }) => master === bridge)
    .map(({ name, kind, mtu }) => ({
      name,
      kind,
      mtu,
      ...(vlans === undefined ? {} : { vlans: vlans.get(name) ?? [] }),
    }));
}

/**
 * `ip` rejects a question about a device that does not exist, so only those that do are asked about; one that goes away in
 * between (OpenNebula deletes bridges without our lock) makes it look again.
 */
async function readLinks(
  run: Run,
  host: Host,
  names: ReadonlySet<string>,
  bridge: string,
  looks = 3,
): Promise<readonly Link[]> {
  const port = bridgePort(bridge);
  const questions = [
    ...(names.has(bridge) ? [`link show dev ${bridge}`, `link show master ${bridge}`] : []),
    ...(names.has(port) ? [`link show dev ${port}`] : []),
  ];
  if (questions.length === 0) return [];
  try {
    return (await askIp(run, questions)).links;
  } catch (error) {
    if (looks <= 1 || classifyIpFailure(error) !== 'missing-object') throw error;
    return readLinks(run, host, await host.deviceNames(), bridge, looks - 1);
  }
}

/** What is in the netns of a bridge. */
export async function observeNetns(run: Run, host: Host, bridge: string): Promise<NetnsFacts> {
  const netns = netnsName(bridge);
  const state = await host.netnsState(netns);
  if (state !== 'present') return { is: state };
  const device = netnsDevice(bridge);
  try {
    return {
      is: 'present',
      inside: insideFacts(await readNetns(run, netns, [...netnsSysctls(device).keys()]), device),
    };
  } catch (error) {
    // The file is there, but `ip` finds no namespace behind it.
    if (classifyIpFailure(error) === 'missing-object') return { is: 'stale' };
    throw error;
  }
}
