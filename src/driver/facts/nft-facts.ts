import { endpointMapName } from '../../model/names.ts';
import type { NftTables } from '../../system/nft.ts';
import type { BridgeTable } from '../../system/nft-bridge-table.ts';
import type { IpTable } from '../../system/nft-ip-table.ts';
import { type ArpForm, PORT_SET, TAP_MAP } from '../rules/arp-rules.ts';
import { CHAIN_SETS, chainNames } from '../rules/chains.ts';
import { listedNames } from '../rules/guard-rules.ts';
import type { NftFacts, TableState } from './facts.ts';

/** The part of our tables that concerns one bridge. */
export function nftFacts(tables: NftTables, bridge: string, seen: NftFacts['seen']): NftFacts {
  return {
    seen,
    endpoints: tables.ip?.endpointMaps.get(bridge),
    chains: tables.bridge?.chains ?? new Map(),
    form: formInUse(tables.bridge),
    ipTable: ipTableState(tables.ip, bridge),
    bridgeTable: bridgeTableState(tables.bridge, bridge),
    portSet: portSetState(tables.bridge, bridge),
    taps: tables.bridge?.macMaps.get(TAP_MAP),
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
  const ours = chainNames(bridge);
  const usedElsewhere = [...table.chains].some(
    ([name, chain]) => !ours.includes(name) && chain.rules.some(({ sets }) => sets.includes(PORT_SET)),
  );
  const own = ownNames(bridge);
  const shared = usedElsewhere || ports.some((name) => !own.includes(name));
  const wanted = listedNames(bridge, formInUse(table) ?? 'port-set');
  return { state: shared ? 'shared' : 'alone', listed: wanted.every((name) => ports.includes(name)) };
}

function bridgeTableState(table: BridgeTable | undefined, bridge: string): TableState {
  if (table === undefined) return 'missing';
  const ports = table.sets.get(PORT_SET) ?? [];
  const own = new Set([PORT_SET, TAP_MAP, ...chainNames(bridge), ...CHAIN_SETS]);
  const names = [...table.others, ...table.sets.keys(), ...table.macMaps.keys(), ...table.chains.keys()];
  const alone =
    names.every((name) => own.has(name)) && ports.every((name) => ownNames(bridge).includes(name));
  return alone ? 'alone' : 'shared';
}

/** What the set of names may have of a bridge, in either form. */
function ownNames(bridge: string): readonly string[] {
  return listedNames(bridge, 'ibrname');
}

/** The form that is in use on this host, by whatever driver; undefined when nothing tells. */
function formInUse(table: BridgeTable | undefined): ArpForm | undefined {
  if (table === undefined) return undefined;
  const rules = [...table.chains.values()].flatMap((chain) => chain.rules);
  if (rules.some((rule) => rule.ibrname)) return 'ibrname';
  return table.sets.has(PORT_SET) ? 'port-set' : undefined;
}
