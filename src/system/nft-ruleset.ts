import { NFT_TABLE } from '../model/names.ts';
import { asArray, asObject, asString, isObject, type JsonObject, parseJson } from './json.ts';
import { classifyNftFailure, explainNftFailure } from './nft-errors.ts';
import type { Run } from './run.ts';

/** A chain of anybody's, with its rules as nft prints them. */
export interface ForeignChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** `forward`, `prerouting` …; undefined: it is jumped to. */
  readonly hook: string | undefined;
  readonly drops: boolean;
  /** Statements of each rule, in the words of `nft -j`. */
  readonly rules: readonly (readonly JsonObject[])[];
}

/** Every chain of a family but our own, in the caller's network namespace. */
export async function readForeignChains(
  run: Run,
  family: 'ip' | 'inet' | 'bridge',
): Promise<readonly ForeignChain[]> {
  const args = ['-j', 'list', 'ruleset', family];
  try {
    return parseForeignChains((await run('nft', args)).stdout, `nft ${args.join(' ')}`);
  } catch (error) {
    if (classifyNftFailure(error) === 'missing-object') return [];
    throw explainNftFailure(error);
  }
}

export function parseForeignChains(text: string, source: string): readonly ForeignChain[] {
  if (text.trim() === '') return [];
  const answer = asObject(parseJson(text, source), source, 'the answer');
  const chains = new Map<string, { chain: JsonObject; rules: JsonObject[][] }>();
  for (const item of asArray(answer.nftables, source, '"nftables"')) {
    const { chain, rule } = asObject(item, source, 'an item');
    if (isObject(chain)) chains.set(keyOf(chain, chain.name), { chain, rules: [] });
    if (isObject(rule)) {
      const statements = asArray(rule.expr ?? [], source, 'a rule').filter(isObject);
      chains.get(keyOf(rule, rule.chain))?.rules.push(statements);
    }
  }
  return [...chains.values()]
    .filter(({ chain }) => chain.table !== NFT_TABLE)
    .map(({ chain, rules }) => ({
      family: asString(chain.family, source, 'the family of a chain'),
      table: asString(chain.table, source, 'the table of a chain'),
      name: asString(chain.name, source, 'the name of a chain'),
      hook: typeof chain.hook === 'string' ? chain.hook : undefined,
      drops: chain.policy === 'drop',
      rules,
    }));
}

function keyOf(object: JsonObject, name: unknown): string {
  return JSON.stringify([object.family, object.table, name]);
}
