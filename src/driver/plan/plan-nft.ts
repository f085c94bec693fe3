import { type Endpoint, hasEndpoint } from '../../model/endpoint.ts';
import type { Facts, NftFacts } from '../facts/facts.ts';
import { CHAIN_KINDS, CHAINS, type ChainSubject } from '../rules/chains.ts';
import { listedNames } from '../rules/guard-rules.ts';
import type { Desired } from './desired.ts';
import { planChain } from './plan-chain.ts';
import { keptMac } from './plan-links.ts';
import { planRedirect } from './plan-redirect.ts';
import type { Step } from './steps.ts';

export function planNft(facts: Facts, desired: Desired): Step[] {
  const { bridge, nft } = facts;
  return [
    ...planPortSet(bridge, nft, desired),
    ...CHAIN_KINDS.filter((kind) => CHAINS[kind].looksInto === 'port-set').flatMap((kind) =>
      planChain(kind, nft, subjectOf(bridge, desired)),
    ),
    ...planRedirect(bridge, nft, desired.taps, keptMac(facts) ?? desired.mac),
    ...planEndpoints(bridge, nft, desired.endpoints),
  ];
}

function subjectOf(bridge: string, { arpForm: form, policing, lacks }: Desired): ChainSubject {
  return { bridge, form, policing, lacks };
}

function planPortSet(bridge: string, nft: NftFacts, { arpForm: form }: Desired): Step[] {
  const steps: Step[] = [];
  if (nft.bridgeTable === 'missing') steps.push({ do: 'create-table', family: 'bridge' });
  if (nft.portSet.state === 'missing') steps.push({ do: 'create-port-set' });
  if (!nft.portSet.listed) steps.push({ do: 'list-port', names: listedNames(bridge, form) });
  return steps;
}

function planEndpoints(bridge: string, nft: NftFacts, desired: readonly Endpoint[]): Step[] {
  const steps: Step[] = [];
  if (nft.ipTable === 'missing') steps.push({ do: 'create-table', family: 'ip' });
  if (nft.endpoints === undefined) steps.push({ do: 'create-map', bridge });
  const present = nft.endpoints ?? [];
  const remove = present.filter((endpoint) => !hasEndpoint(desired, endpoint));
  const add = desired.filter((endpoint) => !hasEndpoint(present, endpoint));
  if (remove.length + add.length > 0) steps.push({ do: 'change-endpoints', bridge, remove, add });
  return steps;
}

/** Takes the bridge's objects away, and what nobody else uses. */
export function planNftRemoval(bridge: string, nft: NftFacts, elsewhere: ReadonlySet<string>): Step[] {
  const steps: Step[] = [];
  if (nft.endpoints !== undefined) steps.push({ do: 'delete-map', bridge });
  if (nft.ipTable === 'alone') steps.push({ do: 'delete-table', family: 'ip' });
  for (const kind of CHAIN_KINDS) {
    const { name, scope, looksInto } = CHAINS[kind];
    const needed = looksInto === 'tap-map' || (scope === 'host' && nft.portSet.state === 'shared');
    if (!needed && nft.chains.has(name(bridge))) steps.push({ do: 'drop-chain', chain: kind, bridge });
  }
  if (nft.portSet.listed) {
    steps.push({ do: 'unlist-port', names: listedNames(bridge, nft.form ?? 'port-set') });
  }
  if (nft.portSet.state === 'alone') steps.push({ do: 'delete-port-set' });
  steps.push(...planRedirect(bridge, nft, { here: [], elsewhere }, ''));
  if (nft.bridgeTable === 'alone') steps.push({ do: 'delete-table', family: 'bridge' });
  return steps;
}
