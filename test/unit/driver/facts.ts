import type { Facts, InsideFacts, NftFacts, PortFacts } from '../../../src/driver/facts/facts.ts';
import type { Taps } from '../../../src/driver/plan/plan-redirect.ts';
import type { ArpForm } from '../../../src/driver/rules/arp-rules.ts';
import { netnsSysctls } from '../../../src/driver/rules/netns-sysctls.ts';
import { policeRules } from '../../../src/driver/rules/police-rules.ts';
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
  chain: 'missing',
  form: undefined,
  ipTable: 'missing',
  bridgeTable: 'missing',
  portSet: { state: 'missing', listed: false },
  guard: 'missing',
  police: undefined,
  redirect: { chain: 'missing', taps: undefined },
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
    chain: 'right',
    form: 'port-set',
    ipTable: 'alone',
    bridgeTable: 'alone',
    portSet: { state: 'alone', listed: true },
    guard: 'right',
    police: undefined,
    redirect: { chain: 'right', taps: new Map([['one-7-0', MAC]]) },
  },
};

/** `PLUMBED` with something different about it. */
export function plumbed(
  change: {
    readonly port?: Partial<Veth> | PortFacts;
    readonly device?: Partial<typeof DEVICE> | 'missing';
    readonly inside?: Partial<InsideFacts>;
    readonly netns?: Facts['netns'];
    readonly nft?: Partial<NftFacts>;
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
    nft: { ...PLUMBED.nft, ...change.nft },
  };
}

/** The chain that limits ports, as nft would read it; each of its rules has dropped 7 packets. */
export function policeChain(limits: Policing, form: ArpForm = 'port-set'): NftChain {
  return {
    base: 'filter prerouting -320 accept',
    rules: policeRules(form, limits).map((rule) => ({
      comment: /comment "(.+)"$/.exec(rule)?.[1] ?? '',
      ibrname: form === 'ibrname',
      sets: ['veth_ports'],
      packets: 7,
    })),
  };
}

export function service(servicePort: number, upstream: string, networks: readonly string[] = []): Service {
  const [remoteAddr = '', port] = upstream.split(':');
  return { servicePort, remoteAddr, remotePort: Number(port), networks, line: servicePort };
}
