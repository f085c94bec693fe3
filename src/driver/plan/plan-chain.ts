import type { NftFacts } from '../facts/facts.ts';
import {
  arpChainState,
  type ChainKind,
  type ChainSubject,
  chainDefinition,
  chainState,
} from '../rules/chains.ts';
import type { Step } from './steps.ts';

/** Makes, replaces or takes away one chain; what nobody knows stays as it is. */
export function planChain(
  chain: ChainKind,
  { chains }: Pick<NftFacts, 'chains'>,
  subject: ChainSubject,
): Step[] {
  const { name, rules } = chainDefinition(chain);
  const { bridge } = subject;
  const wanted = rules(subject);
  if (wanted === undefined) return [];
  if (wanted.length === 0) return chains.has(name(bridge)) ? [{ do: 'drop-chain', chain, bridge }] : [];
  const state = chain === 'arp' ? arpChainState(chains, bridge) : chainState(chain, chains, subject);
  if (state === 'right') return [];
  return [{ do: 'put-chain', chain, subject, found: state === 'missing' ? 'missing' : 'wrong' }];
}
