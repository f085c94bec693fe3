import type { Endpoint } from '../../model/endpoint.ts';
import type { ChainKind, ChainSubject } from '../rules/chains.ts';

/** What can be done to the host: step → its arguments. Every place that handles steps is complete by type. */
export interface StepArguments {
  // `ip` in the root namespace
  'create-netns': { netns: string };
  'delete-netns': { netns: string };
  'create-veth': { port: string; device: string; netns: string; mtu: number; mac: string; portMac: string };
  'delete-veth': { port: string };
  'set-port-master': { port: string; bridge: string };
  'set-port-mtu': { port: string; mtu: number };
  'set-port-mac': { port: string; mac: string };
  'set-port-up': { port: string };
  // `ip` in the netns
  'delete-device': { netns: string; device: string };
  'set-lo-up': { netns: string };
  'set-device-mtu': { netns: string; device: string; mtu: number };
  'set-device-up': { netns: string; device: string };
  'add-address': { netns: string; device: string };
  'add-route': { netns: string; device: string };
  // `/proc/sys` and nft in the netns
  'write-sysctls': { netns: string; sysctls: ReadonlyMap<string, string> };
  'write-ruleset': { netns: string; device: string };
  // VLANs and forwarding table of the bridge
  'set-port-vlan': { port: string; vlan: number; leave: readonly number[] };
  'pin-mac': { port: string; mac: string };
  // nft
  'create-table': { family: Family };
  'delete-table': { family: Family };
  'create-port-set': Record<never, never>;
  'delete-port-set': Record<never, never>;
  'list-port': { names: readonly string[] };
  'unlist-port': { names: readonly string[] };
  // `found`: what is there of it; `wrong` is replaced, its sets too, in the same transaction.
  'put-chain': { chain: ChainKind; subject: ChainSubject; found: 'missing' | 'wrong' };
  'drop-chain': { chain: ChainKind; bridge: string };
  'create-tap-map': Record<never, never>;
  'delete-tap-map': Record<never, never>;
  'change-taps': { remove: readonly TapMac[]; add: readonly TapMac[] };
  'create-map': { bridge: string };
  'delete-map': { bridge: string };
  'change-endpoints': { bridge: string; remove: readonly Endpoint[]; add: readonly Endpoint[] };
}

/** A guest's port of its bridge, and the MAC of the veth that serves this bridge. */
export interface TapMac {
  readonly tap: string;
  readonly mac: string;
}

export type Family = 'ip' | 'bridge';
export type StepName = keyof StepArguments;
export type StepOf<Name extends StepName> = { readonly do: Name } & Readonly<StepArguments[Name]>;
export type Step = { [Name in StepName]: StepOf<Name> }[StepName];

/** Steps of one hand that follow one another are one process. */
export type Hand = 'ip' | 'ip-in-netns' | 'settings' | 'bridge' | 'nft';

export const HAND = {
  'create-netns': 'ip',
  'delete-netns': 'ip',
  'create-veth': 'ip',
  'delete-veth': 'ip',
  'set-port-master': 'ip',
  'set-port-mtu': 'ip',
  'set-port-mac': 'ip',
  'set-port-up': 'ip',
  'delete-device': 'ip-in-netns',
  'set-lo-up': 'ip-in-netns',
  'set-device-mtu': 'ip-in-netns',
  'set-device-up': 'ip-in-netns',
  'add-address': 'ip-in-netns',
  'add-route': 'ip-in-netns',
  'write-sysctls': 'settings',
  'write-ruleset': 'settings',
  'set-port-vlan': 'bridge',
  'pin-mac': 'bridge',
  'create-table': 'nft',
  'delete-table': 'nft',
  'create-port-set': 'nft',
  'delete-port-set': 'nft',
  'list-port': 'nft',
  'unlist-port': 'nft',
  'put-chain': 'nft',
  'drop-chain': 'nft',
  'create-tap-map': 'nft',
  'delete-tap-map': 'nft',
  'change-taps': 'nft',
  'create-map': 'nft',
  'delete-map': 'nft',
  'change-endpoints': 'nft',
} as const satisfies Record<StepName, Hand>;

export type StepOfHand<H extends Hand> = {
  [Name in StepName]: (typeof HAND)[Name] extends H ? StepOf<Name> : never;
}[StepName];

/**
 * The step that takes `step` back; undefined when there is nothing to go back to: what a repair replaced was broken, and
 * what a removal took nobody needed.
 */
export function undoOf(step: Step): Step | undefined {
  switch (step.do) {
    case 'create-netns':
      return { do: 'delete-netns', netns: step.netns };
    case 'create-veth':
      return { do: 'delete-veth', port: step.port };
    case 'create-table':
      return { do: 'delete-table', family: step.family };
    case 'create-port-set':
      return { do: 'delete-port-set' };
    case 'list-port':
      return { do: 'unlist-port', names: step.names };
    case 'put-chain':
      if (step.found === 'wrong') return undefined;
      return { do: 'drop-chain', chain: step.chain, bridge: step.subject.bridge };
    case 'create-tap-map':
      return { do: 'delete-tap-map' };
    case 'change-taps':
      return { do: 'change-taps', remove: step.add, add: step.remove };
    case 'create-map':
      return { do: 'delete-map', bridge: step.bridge };
    case 'change-endpoints':
      return { do: 'change-endpoints', bridge: step.bridge, remove: step.add, add: step.remove };
    default:
      return undefined;
  }
}
