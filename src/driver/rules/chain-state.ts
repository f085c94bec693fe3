import type { NftChain } from '../../system/nft-chains.ts';

export type ChainState = 'missing' | 'right' | 'wrong-rules' | 'wrong-hook';

/** What a chain is like that should be on `hook` (as nft reads it back) and have one of these lists of marked rules. */
export function chainStateOf(
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
