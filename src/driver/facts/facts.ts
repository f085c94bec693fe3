import type { Endpoint } from '../../model/endpoint.ts';
import type { PortVlan } from '../../system/bridge.ts';
import type { Pin } from '../../system/fdb.ts';
import type { BridgeInfo } from '../../system/ip-json.ts';
import type { NftChain } from '../../system/nft-chains.ts';
import type { ArpForm } from '../rules/arp-rules.ts';

/** What is there, for one bridge: the observed half of a plan. */
export interface Facts {
  readonly bridge: string;
  readonly device: BridgeDevice;
  /** Ports of the bridge, ours included. */
  readonly ports: readonly Port[];
  /** `<bridge>b`. */
  readonly port: PortFacts;
  readonly netns: NetnsFacts;
  readonly nft: NftFacts;
}

export type BridgeDevice =
  | { readonly is: 'missing' }
  | { readonly is: 'other'; readonly kind: string }
  | {
      readonly is: 'bridge';
      /** Bytes. */
      readonly mtu: number;
      readonly mac?: string | undefined;
      /** Undefined: it forwards at once, whatever the VLAN. */
      readonly info?: BridgeInfo | undefined;
    };

export interface Port {
  readonly name: string;
  /** `veth`, `tun`, `vlan` …; undefined for a physical device. */
  readonly kind: string | undefined;
  readonly mtu: number;
  /** VLANs that it is a member of; undefined: the bridge does not filter by them. */
  readonly vlans?: readonly PortVlan[] | undefined;
}

export type PortFacts =
  | { readonly is: 'missing' }
  /** Something else has the name. */
  | { readonly is: 'stranger'; readonly kind: string }
  | {
      readonly is: 'veth';
      readonly index: number;
      /** Index of the other end in its namespace; undefined when that end is in the root namespace too. */
      readonly peerIndex: number | undefined;
      /** Name of the other end where it is in the root namespace. */
      readonly peer: string | undefined;
      readonly mac: string | undefined;
      readonly master: string | undefined;
      readonly up: boolean;
      readonly mtu: number;
      /** MACs that the bridge holds to this port, whatever it hears elsewhere. */
      readonly pinned: readonly Pin[];
    };

export type NetnsFacts =
  | { readonly is: 'missing' }
  /** A file in `/run/netns` with no namespace behind it. */
  | { readonly is: 'stale' }
  | { readonly is: 'present'; readonly inside: InsideFacts };

export interface InsideFacts {
  readonly loUp: boolean;
  /** `<bridge>a`. */
  readonly device: DeviceFacts | undefined;
  /** It has `default dev <bridge>a scope link`. */
  readonly hasRoute: boolean;
  /** Path below `/proc/sys/` → value; what the kernel does not have is missing. */
  readonly sysctls: ReadonlyMap<string, string>;
  /** Its nft ruleset is what it should be. */
  readonly guarded: boolean;
}

export interface DeviceFacts {
  readonly index: number;
  readonly peerIndex: number | undefined;
  readonly up: boolean;
  readonly mtu: number;
  readonly hasAddress: boolean;
  readonly mac: string | undefined;
}

/** True when `<bridge>b` and `<bridge>a` are the two ends of one pair. */
export function isPair(port: PortFacts, device: DeviceFacts | undefined): boolean {
  if (port.is !== 'veth' || device === undefined) return false;
  return port.peerIndex === device.index && device.peerIndex === port.index;
}

export interface NftFacts {
  /** `own-objects`: nothing is known of what else is in the tables, so a plan from it must not change nft. */
  readonly seen: 'own-objects' | 'tables';
  /** Undefined: the bridge has no map. */
  readonly endpoints: readonly Endpoint[] | undefined;
  /** Chains of the bridge table by their names; what they should be is not known here. */
  readonly chains: ReadonlyMap<string, NftChain>;
  /** The form that ARP rules on this host have; undefined: none is there to tell. */
  readonly form: ArpForm | undefined;
  /** Other bridges or people have something in the table. */
  readonly ipTable: TableState;
  readonly bridgeTable: TableState;
  readonly portSet: PortSetState;
  /** Tap → MAC to which the chain `nearest` sends its frames; undefined: there is no such map. For all bridges. */
  readonly taps: ReadonlyMap<string, string> | undefined;
}

/** `alone`: nothing but this bridge's objects are in it. */
export type TableState = 'missing' | 'alone' | 'shared';
/** The set of veth ports; `alone`: no other bridge's port or chain needs it. `listed`: what this bridge needs in it is there. */
export interface PortSetState {
  readonly state: TableState;
  readonly listed: boolean;
}
