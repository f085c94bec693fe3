import { SERVICE_ADDRESS } from '../../model/names.ts';
import type { Pin } from '../../system/fdb.ts';
import type { Link } from '../../system/ip-json.ts';
import type { InsideNetns } from '../../system/netns.ts';
import { isNetnsRuleset } from '../rules/netns-rules.ts';
import type { BridgeDevice, DeviceFacts, InsideFacts, PortFacts } from './facts.ts';

export function bridgeDevice(link: Link | undefined): BridgeDevice {
  if (link === undefined) return { is: 'missing' };
  if (link.kind !== 'bridge') return { is: 'other', kind: link.kind ?? 'physical' };
  return { is: 'bridge', mtu: link.mtu, mac: link.mac, info: link.bridge };
}

export function portFacts(link: Link | undefined, pinned: readonly Pin[]): PortFacts {
  if (link === undefined) return { is: 'missing' };
  if (link.kind !== 'veth') return { is: 'stranger', kind: link.kind ?? 'physical' };
  const { index, peerIndex, peer, mac, master, up, mtu } = link;
  return { is: 'veth', index, peerIndex, peer, mac, master, up, mtu, pinned };
}

export function insideFacts({ links, routes, sysctls, chains }: InsideNetns, name: string): InsideFacts {
  const link = links.find((candidate) => candidate.name === name);
  return {
    loUp: links.some((candidate) => candidate.name === 'lo' && candidate.up),
    device: link === undefined ? undefined : deviceFacts(link),
    hasRoute: routes.some(
      ({ destination, device, scope, gateway }) =>
        destination === 'default' && device === name && scope === 'link' && gateway === undefined,
    ),
    sysctls,
    guarded: isNetnsRuleset(chains, name),
  };
}

function deviceFacts({ index, peerIndex, up, mtu, mac, addresses }: Link): DeviceFacts {
  return { index, peerIndex, up, mtu, mac, hasAddress: addresses.includes(`${SERVICE_ADDRESS}/32`) };
}
