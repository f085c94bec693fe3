import type { Facts, InsideFacts, NftFacts, PortFacts } from '../../../src/driver/facts/facts.ts';
import type { Taps } from '../../../src/driver/plan/plan-redirect.ts';
import type { ArpForm } from '../../../src/driver/rules/arp-rules.ts';
import {
  CHAIN_KINDS,
  type ChainKind,
  type ChainState,
  type ChainSubject,
  chainDefinition,
} from '../../../src/driver/rules/chains.ts';
import { netnsSysctls } from '../../../src/driver/rules/netns-sysctls.ts';
import type { Endpoint } from '../../../src/model/endpoint.ts';
import type { Policing } from '../../../src/model/limits.ts';
import type { Service } from '../../../src/model/service.ts';
import type { NftChain } from '../../../src/system/nft-chains.ts';

/** Of `br0a`, as it is and as it would be made again. */
export const MAC = '02:00:00:00:00:01';
/** Of `br0b`, the same way. */
export const PORT_MAC = 'fe:ff:10:09:00:01';
/** The one guest is VM 7. */
export const TAPS: Taps = { here: ['one-7-0'], elsewhere: new Set() };
export const ONEGATE: Endpoint = { servicePort: 5030, upstream: { address: '10.11.12.13', port: 5030 } };
export const CUSTOM: Endpoint = { servicePort: 1234, upstream: { address: '10.11.12.34', port: 1234 } };

const NO_NFT: NftFacts = {
  seen: 'tables',
  endpoints: undefined,
  chains: new Map(),
  form: undefined,
  ipTable: 'missing',
  bridgeTable: 'missing',
  portSet: { state: 'missing', listed: false },
  taps: undefined,
};

/** A bridge without any plumbing. */
export const BARE: Facts = {
  bridge: 'br0',
  device: { is: 'bridge', mtu: 1500 },
  ports: [{ name: 'one-7-0', kind: 'tun', mtu: 1500 }],
  port: { is: 'missing' },
  netns: { is: 'missing' },
  nft: NO_NFT,
};

type Veth = Extract<PortFacts, { is: 'veth' }>;
const PORT: Veth = {
  is: 'veth',
  index: 6,
  peerIndex: 2,
  peer: undefined,
  mac: PORT_MAC,
  master: 'br0',
  up: true,
  mtu: 1500,
  pinned: [{ mac: MAC, vlan: undefined }],
};
const DEVICE = { index: 2, peerIndex: 6, up: true, mtu: 1500, mac: MAC, hasAddress: true };
const INSIDE: InsideFacts = {
  loUp: true,
  device: DEVICE,
  hasRoute: true,
  sysctls: netnsSysctls('br0a'),
  guarded: true,
};

/** A bridge that has everything, alone on its host, in the fallback form. */
export const PLUMBED: Facts = {
  ...BARE,
  ports: [...BARE.ports, { name: 'br0b', kind: 'veth', mtu: 1500 }],
  port: PORT,
  netns: { is: 'present', inside: INSIDE },
  nft: {
    seen: 'tables',
    endpoints: [ONEGATE],
    chains: chainsThatAre({ arp: 'right', guard: 'right', redirect: 'right' }),
    form: 'port-set',
    ipTable: 'alone',
    bridgeTable: 'alone',
    portSet: { state: 'alone', listed: true },
    taps: new Map([['one-7-0', MAC]]),
  },
};

/** `PLUMBED` with something different about it. */
export function plumbed(
  change: {
    readonly port?: Partial<Veth> | PortFacts;
    readonly device?: Partial<typeof DEVICE> | 'missing';
    readonly inside?: Partial<InsideFacts>;
    readonly netns?: Facts['netns'];
    readonly nft?: NftChange;
    readonly ports?: Facts['ports'];
    readonly bridge?: Facts['device'];
  } = {},
): Facts {
  const device = change.device === 'missing' ? undefined : { ...DEVICE, ...change.device };
  return {
    ...PLUMBED,
    device: change.bridge ?? PLUMBED.device,
    ports: change.ports ?? PLUMBED.ports,
    port: { ...PORT, ...change.port } as PortFacts,
    netns: change.netns ?? { is: 'present', inside: { ...INSIDE, device, ...change.inside } },
    nft: changedNft(change.nft ?? {}),
  };
}

/** Chains are told by their state. */
interface NftChange extends Partial<NftFacts> {
  readonly chain?: ChainState;
  readonly guard?: ChainState;
  readonly police?: NftChain | undefined;
  readonly redirect?: { readonly chain: ChainState; readonly taps: NftFacts['taps'] };
}

function changedNft({ chain, guard, police, redirect, ...rest }: NftChange): NftFacts {
  const chains = chainsThatAre(
    {
      arp: chain ?? 'right',
      guard: guard ?? 'right',
      redirect: redirect?.chain ?? 'right',
    },
    rest.form,
  );
  if (police !== undefined) chains.set('police', police);
  return { ...PLUMBED.nft, chains, ...(redirect === undefined ? {} : { taps: redirect.taps }), ...rest };
}

/** Chains of br0 in these states, as nft would read them. */
export function chainsThatAre(
  states: Partial<Record<ChainKind, ChainState>>,
  form: ArpForm = 'port-set',
): Map<string, NftChain> {
  const chains = new Map<string, NftChain>();
  for (const kind of CHAIN_KINDS) {
    const state = states[kind] ?? 'missing';
    if (state === 'missing') continue;
    const right = chainAsRead(kind, { bridge: 'br0', form, policing: undefined, lacks: new Set() });
    const base = state === 'wrong-hook' ? 'filter output 0 accept' : right.base;
    const rules = state === 'wrong-rules' ? right.rules.slice(1) : right.rules;
    chains.set(chainDefinition(kind).name('br0'), { base, rules });
  }
  return chains;
}

/** A chain as nft would read it; each of its rules has counted 7 packets. */
function chainAsRead(kind: ChainKind, subject: ChainSubject): NftChain {
  const { hook, rules } = chainDefinition(kind);
  return {
    base: hook.read,
    rules: (rules(subject) ?? []).map((rule) => ({
      comment: /comment "(.+)"$/.exec(rule)?.[1] ?? '',
      ibrname: subject.form === 'ibrname',
      sets: ['veth_ports'],
      packets: 7,
    })),
  };
}

/** The chain that limits ports. */
export function policeChain(limits: Policing, form: ArpForm = 'port-set'): NftChain {
  return chainAsRead('police', { bridge: 'br0', form, policing: limits, lacks: new Set() });
}

export function service(servicePort: number, upstream: string, networks: readonly string[] = []): Service {
  const [remoteAddr = '', port] = upstream.split(':');
  return { servicePort, remoteAddr, remotePort: Number(port), networks, line: servicePort };
}
