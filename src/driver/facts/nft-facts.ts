import { arpChainName, endpointMapName } from '../../model/names.ts';
import type { NftTables } from '../../system/nft.ts';
import type { BridgeTable } from '../../system/nft-bridge-table.ts';
import type { IpTable } from '../../system/nft-ip-table.ts';
import {
  ARP_HOOK_READ,
  type ArpForm,
  arpRules,
  PORT_SET,
  REDIRECT_CHAIN,
  REDIRECT_HOOK_READ,
  redirectRules,
  TAP_MAP,
} from '../rules/arp-rules.ts';
import { type ChainState, chainStateOf } from '../rules/chain-state.ts';
import { GUARD_CHAIN, GUARD_HOOK_READ, GUARD_SETS, guardRules, listedNames } from '../rules/guard-rules.ts';
import { POLICE_CHAIN, POLICE_SETS } from '../rules/police-rules.ts';
import type { NftFacts, TableState } from './facts.ts';

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
    guard: guardState(tables.bridge),
    police: tables.bridge?.chains.get(POLICE_CHAIN),
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
      name !== arpChainName(bridge) &&
      name !== GUARD_CHAIN &&
      name !== POLICE_CHAIN &&
      chain.rules.some(({ sets }) => sets.includes(PORT_SET)),
  );
  const own = ownNames(bridge);
  const shared = usedElsewhere || ports.some((name) => !own.includes(name));
  const wanted = listedNames(bridge, formInUse(table) ?? 'port-set');
  return { state: shared ? 'shared' : 'alone', listed: wanted.every((name) => ports.includes(name)) };
}

function bridgeTableState(table: BridgeTable | undefined, bridge: string): TableState {
  if (table === undefined) return 'missing';
  const ports = table.sets.get(PORT_SET) ?? [];
  const own = new Set([
    ...[PORT_SET, TAP_MAP, REDIRECT_CHAIN, GUARD_CHAIN, POLICE_CHAIN, arpChainName(bridge)],
    ...Object.keys({ ...GUARD_SETS, ...POLICE_SETS }),
  ]);
  const names = [...table.others, ...table.sets.keys(), ...table.macMaps.keys(), ...table.chains.keys()];
  const alone =
    names.every((name) => own.has(name)) && ports.every((name) => ownNames(bridge).includes(name));
  return alone ? 'alone' : 'shared';
}

/** What the set of names may have of a bridge, in either form. */
function ownNames(bridge: string): readonly string[] {
  return listedNames(bridge, 'ibrname');
}

/** What the ARP chain of a bridge is like; right is either form. */
function chainState(table: BridgeTable | undefined, bridge: string): ChainState {
  const forms = (['ibrname', 'port-set'] as const).map((form) => arpRules(bridge, form));
  return chainStateOf(table?.chains.get(arpChainName(bridge)), ARP_HOOK_READ, forms);
}

function redirectState(table: BridgeTable | undefined): ChainState {
  return chainStateOf(table?.chains.get(REDIRECT_CHAIN), REDIRECT_HOOK_READ, [redirectRules()]);
}

function guardState(table: BridgeTable | undefined): ChainState {
  const form = formInUse(table) ?? 'port-set';
  return chainStateOf(table?.chains.get(GUARD_CHAIN), GUARD_HOOK_READ, [guardRules(form)]);
}

/** The form that is in use on this host, by whatever driver; undefined when nothing tells. */
function formInUse(table: BridgeTable | undefined): ArpForm | undefined {
  if (table === undefined) return undefined;
  const rules = [...table.chains.values()].flatMap((chain) => chain.rules);
  if (rules.some((rule) => rule.ibrname)) return 'ibrname';
  return table.sets.has(PORT_SET) ? 'port-set' : undefined;
}
