import { asArray, asObject, asString, isObject, type JsonObject } from './json.ts';
import { nftObjects } from './nft-objects.ts';

/** A rule, as far as this program tells rules apart. */
export interface NftRule {
  readonly comment?: string;
  /** Uses `meta ibrname`, which some kernels lack. */
  readonly ibrname: boolean;
  /** Named sets that it looks into. */
  readonly sets: readonly string[];
}

export interface NftChain {
  /** `filter forward -200 accept` for a base chain, empty for a regular one. */
  readonly base: string;
  readonly rules: readonly NftRule[];
}

/** `table bridge one_tproxy`. */
export interface BridgeTable {
  readonly chains: ReadonlyMap<string, NftChain>;
  /** Elements of sets of interface names. */
  readonly sets: ReadonlyMap<string, readonly string[]>;
  /** Names of what else lies there. */
  readonly others: readonly string[];
}

/** Reads the output of `nft -j list table bridge one_tproxy`, or of `list chain …` and `list set …`. */
export function parseBridgeTable(
  text: string,
  asked: 'table' | 'chain' | 'set',
  source: string,
): BridgeTable {
  const chains = new Map<string, { base: string; rules: NftRule[] }>();
  const sets = new Map<string, readonly string[]>();
  const others: string[] = [];
  for (const { kind, object } of nftObjects(text, 'bridge', asked, source)) {
    if (kind === 'table') continue;
    if (kind === 'rule') {
      chains.get(asString(object.chain, source, 'the chain of a rule'))?.rules.push(parseRule(object));
      continue;
    }
    const name = asString(object.name, source, `the name of a ${kind}`);
    if (kind === 'chain') chains.set(name, { base: baseOf(object), rules: [] });
    else if (kind === 'set' && object.type === 'ifname') sets.set(name, namesOf(object, name, source));
    else others.push(name);
  }
  return { chains, sets, others };
}

function baseOf(chain: JsonObject): string {
  if (chain.hook === undefined) return '';
  return [chain.type, chain.hook, chain.prio, chain.policy].join(' ');
}

function parseRule(rule: JsonObject): NftRule {
  const expressions = JSON.stringify(rule.expr ?? null);
  const ibrname = expressions.includes('{"key":"ibrname"}');
  const sets = [...expressions.matchAll(/"@([^"]+)"/g)].map(([, name]) => name ?? '');
  return typeof rule.comment === 'string' ? { comment: rule.comment, ibrname, sets } : { ibrname, sets };
}

function namesOf(set: JsonObject, name: string, source: string): string[] {
  if (set.elem === undefined) return [];
  return asArray(set.elem, source, `the elements of set ${name}`).map((element) =>
    asString(
      isObject(element) ? asObject(element.elem, source, `an element of set ${name}`).val : element,
      source,
      `an element of set ${name}`,
    ),
  );
}
