import { type Endpoint, hasEndpoint } from '../../model/endpoint.ts';
import type { Facts, NftFacts } from '../facts/facts.ts';
import { listedNames } from '../rules/guard-rules.ts';
import type { Desired } from './desired.ts';
import { keptMac } from './plan-links.ts';
import { planPolice } from './plan-police.ts';
import { planRedirect } from './plan-redirect.ts';
import type { Step } from './steps.ts';

export function planNft(facts: Facts, desired: Desired): Step[] {
  const { bridge, nft } = facts;
  return [
    ...planArp(bridge, nft, desired),
    ...planPolice(nft.police, desired),
    ...planRedirect(nft.redirect, desired.taps, keptMac(facts) ?? desired.mac),
    ...planEndpoints(bridge, nft, desired.endpoints),
  ];
}

function planArp(bridge: string, nft: NftFacts, { arpForm: form }: Desired): Step[] {
  const steps: Step[] = [];
  if (nft.bridgeTable === 'missing') steps.push({ do: 'create-table', family: 'bridge' });
  if (nft.portSet.state === 'missing') steps.push({ do: 'create-port-set' });
  if (!nft.portSet.listed) steps.push({ do: 'list-port', names: listedNames(bridge, form) });
  switch (nft.chain) {
    case 'right':
      break;
    case 'missing':
      steps.push({ do: 'create-chain', bridge, form });
      break;
    case 'wrong-rules':
      steps.push({ do: 'rewrite-chain', bridge, form });
      break;
    case 'wrong-hook':
      steps.push({ do: 'delete-chain', bridge }, { do: 'create-chain', bridge, form });
      break;
  }
  if (nft.guard !== 'right') {
    steps.push({ do: nft.guard === 'missing' ? 'create-guard' : 'rewrite-guard', form });
  }
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
  if (nft.chain !== 'missing') steps.push({ do: 'delete-chain', bridge });
  if (nft.portSet.state !== 'shared' && nft.guard !== 'missing') steps.push({ do: 'delete-guard' });
  if (nft.portSet.state !== 'shared' && nft.police !== undefined) steps.push({ do: 'delete-police' });
  if (nft.portSet.listed) {
    steps.push({ do: 'unlist-port', names: listedNames(bridge, nft.form ?? 'port-set') });
  }
  if (nft.portSet.state === 'alone') steps.push({ do: 'delete-port-set' });
  steps.push(...planRedirect(nft.redirect, { here: [], elsewhere }, ''));
  if (nft.bridgeTable === 'alone') steps.push({ do: 'delete-table', family: 'bridge' });
  return steps;
}
