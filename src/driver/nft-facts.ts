import { arpChainName, bridgePort, endpointMapName } from '../model/names.ts';
import type { NftTables } from '../system/nft.ts';
import type { BridgeTable, NftChain } from '../system/nft-bridge-table.ts';
import type { IpTable } from '../system/nft-ip-table.ts';
import {
  ARP_HOOK_READ,
  type ArpForm,
  arpRules,
  PORT_SET,
  REDIRECT_CHAIN,
  REDIRECT_HOOK_READ,
  redirectRules,
  TAP_MAP,
} from './arp-rules.ts';
import type { ChainState, NftFacts, TableState } from './facts.ts';

/** The part of our tables that concerns one bridge. */
export function nftFacts(tables: NftTables, bridge: string, seen: NftFacts['seen']): NftFacts {
  return {
    seen,
    endpoints: tables.ip?.endpointMaps.get(bridge),
    chain: chainState(tables.bridge, bridge),
    form: formInUse(tables.bridge),
    ipTable: ipTableState(tables.ip, bridge),
    bridgeTable: bridgeTableState(tables.bridge, bridge),
    portSet: portSetState(tables.bridge, bridge),
    redirect: {
      chain: redirectState(tables.bridge),
      taps: tables.bridge?.macMaps.get(TAP_MAP),
    },
  };
}

function ipTableState(table: IpTable | undefined, bridge: string): TableState {
  if (table === undefined) return 'missing';
  const names = [...table.others, ...[...table.endpointMaps.keys()].map(endpointMapName)];
  return names.every((name) => name === endpointMapName(bridge)) ? 'alone' : 'shared';
}

function portSetState(table: BridgeTable | undefined, bridge: string): NftFacts['portSet'] {
  const ports = table?.sets.get(PORT_SET);
  if (table === undefined || ports === undefined) return { state: 'missing', listed: false };
  const usedElsewhere = [...table.chains].some(
    ([name, chain]) =>
      name !== arpChainName(bridge) && chain.rules.some(({ sets }) => sets.includes(PORT_SET)),
  );
  const own = bridgePort(bridge);
  const shared = usedElsewhere || ports.some((name) => name !== own);
  return { state: shared ? 'shared' : 'alone', listed: ports.includes(own) };
}

function bridgeTableState(table: BridgeTable | undefined, bridge: string): TableState {
  if (table === undefined) return 'missing';
  const ports = table.sets.get(PORT_SET) ?? [];
  const own = new Set([PORT_SET, TAP_MAP, REDIRECT_CHAIN, arpChainName(bridge)]);
  const names = [...table.others, ...table.sets.keys(), ...table.macMaps.keys(), ...table.chains.keys()];
  const alone = names.every((name) => own.has(name)) && ports.every((name) => name === bridgePort(bridge));
  return alone ? 'alone' : 'shared';
}

/** What the ARP chain of a bridge is like; right is either form. */
export function chainState(table: BridgeTable | undefined, bridge: string): ChainState {
  const forms = (['ibrname', 'port-set'] as const).map((form) => arpRules(bridge, form));
  return stateOf(table?.chains.get(arpChainName(bridge)), ARP_HOOK_READ, forms);
}

function redirectState(table: BridgeTable | undefined): ChainState {
  return stateOf(table?.chains.get(REDIRECT_CHAIN), REDIRECT_HOOK_READ, [redirectRules()]);
}

function stateOf(
  chain: NftChain | undefined,
  hook: string,
  right: readonly (readonly string[])[],
): ChainState {
  if (chain === undefined) return 'missing';
  if (chain.base !== hook) return 'wrong-hook';
  return right.some((rules) => hasRules(chain, rules)) ? 'right' : 'wrong-rules';
}

function hasRules(chain: NftChain, rules: readonly string[]): boolean {
  return (
    chain.rules.length === rules.length &&
    rules.every((rule, index) => rule.endsWith(`comment "${chain.rules[index]?.comment}"`))
  );
}

/** The form that is in use on this host, by whatever driver; undefined when nothing tells. */
export function formInUse(table: BridgeTable | undefined): ArpForm | undefined {
  if (table === undefined) return undefined;
  if (table.sets.has(PORT_SET)) return 'port-set';
  const rules = [...table.chains.values()].flatMap((chain) => chain.rules);
  return rules.some((rule) => rule.ibrname) ? 'ibrname' : undefined;
}
