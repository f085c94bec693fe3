import { bridgePort, netnsDevice, netnsName, SERVICE_ADDRESS } from '../model/names.ts';
import type { Host } from '../system/host.ts';
import { askIp } from '../system/ip.ts';
import { classifyIpFailure } from '../system/ip-errors.ts';
import type { IpAnswer, Link } from '../system/ip-json.ts';
import { readTables } from '../system/nft.ts';
import type { Run } from '../system/run.ts';
import { readSysctls } from '../system/sysctl.ts';
import type { BridgeDevice, DeviceFacts, Facts, InsideFacts, NetnsFacts, PortFacts } from './facts.ts';
import { netnsSysctls } from './netns-sysctls.ts';
import { nftFacts } from './nft-facts.ts';

/** Three processes side by side, five when the bridge has a netns. Acts in the root namespace. */
export async function observeBridge(run: Run, host: Host, bridge: string): Promise<Facts> {
  const [tables, links, netns] = await Promise.all([
    readTables(run),
    host.deviceNames().then((names) => readLinks(run, host, names, bridge)),
    observeNetns(run, host, bridge),
  ]);
  const named = new Map(links.map((link) => [link.name, link]));
  return {
    bridge,
    device: bridgeDevice(named.get(bridge)),
    ports: links.filter(({ master }) => master === bridge).map(({ name, kind }) => ({ name, kind })),
    port: portFacts(named.get(bridgePort(bridge))),
    netns,
    nft: nftFacts(tables, bridge),
  };
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

async function observeNetns(run: Run, host: Host, bridge: string): Promise<NetnsFacts> {
  const netns = netnsName(bridge);
  const state = await host.netnsState(netns);
  if (state !== 'present') return { is: state };
  const device = netnsDevice(bridge);
  try {
    const [answer, sysctls] = await Promise.all([
      askIp(run, ['address show', 'route show'], netns),
      readSysctls(run, netns, [...netnsSysctls(device).keys()]),
    ]);
    return { is: 'present', inside: insideFacts(answer, device, sysctls) };
  } catch (error) {
    // The file is there, but `ip` finds no namespace behind it.
    if (classifyIpFailure(error) === 'missing-object') return { is: 'stale' };
    throw error;
  }
}

function bridgeDevice(link: Link | undefined): BridgeDevice {
  if (link === undefined) return { is: 'missing' };
  if (link.kind !== 'bridge') return { is: 'other', kind: link.kind ?? 'physical' };
  return { is: 'bridge', mtu: link.mtu };
}

function portFacts(link: Link | undefined): PortFacts {
  if (link === undefined) return { is: 'missing' };
  if (link.kind !== 'veth') return { is: 'stranger', kind: link.kind ?? 'physical' };
  const { index, peerIndex, master, up, mtu } = link;
  return { is: 'veth', index, peerIndex, master, up, mtu };
}

function insideFacts(answer: IpAnswer, name: string, sysctls: ReadonlyMap<string, string>): InsideFacts {
  const link = answer.links.find((candidate) => candidate.name === name);
  return {
    loUp: answer.links.some((candidate) => candidate.name === 'lo' && candidate.up),
    device: link === undefined ? undefined : deviceFacts(link),
    hasRoute: answer.routes.some(
      ({ destination, device, scope, gateway }) =>
        destination === 'default' && device === name && scope === 'link' && gateway === undefined,
    ),
    sysctls,
  };
}

function deviceFacts({ index, peerIndex, up, mtu, addresses }: Link): DeviceFacts {
  return { index, peerIndex, up, mtu, hasAddress: addresses.includes(`${SERVICE_ADDRESS}/32`) };
}
