import { asString, isObject, type JsonObject } from './json.ts';
import { type NftObject, nftObjects } from './nft-objects.ts';

/** A rule, as far as this program tells rules apart. */
export interface NftRule {
  readonly comment?: string;
  /** Uses `meta ibrname`, which some kernels lack. */
  readonly ibrname: boolean;
  /** Named sets that it looks into. */
  readonly sets: readonly string[];
  /** Packets that its counter has counted; undefined: it has none. */
  readonly packets?: number;
}

export interface NftChain {
  /** `filter forward -200 accept` for a base chain, empty for a regular one. */
  readonly base: string;
  readonly rules: readonly NftRule[];
}

/** Chains among the objects of a table, with their rules. */
export function chainsOf(objects: readonly NftObject[], source: string): ReadonlyMap<string, NftChain> {
  const chains = new Map<string, { base: string; rules: NftRule[] }>();
  for (const { kind, object } of objects) {
    if (kind === 'chain')
      chains.set(asString(object.name, source, 'the name of a chain'), { base: baseOf(object), rules: [] });
    else if (kind === 'rule')
      chains.get(asString(object.chain, source, 'the chain of a rule'))?.rules.push(parseRule(object));
  }
  return chains;
}

/** Chains of `table inet one_tproxy`, from the output of `nft -j list table …`. */
export function parseInetChains(text: string, source: string): ReadonlyMap<string, NftChain> {
  return chainsOf(nftObjects(text, 'inet', 'table', source), source);
}

function baseOf(chain: JsonObject): string {
  if (chain.hook === undefined) return '';
  return [chain.type, chain.hook, chain.prio, chain.policy].join(' ');
}

function parseRule(rule: JsonObject): NftRule {
  const expressions = JSON.stringify(rule.expr ?? null);
  const ibrname = expressions.includes('{"key":"ibrname"}');
  const sets = [...expressions.matchAll(/"@([^"]+)"/g)].map(([, name]) => name ?? '');
  const packets = packetsOf(rule);
  return {
    ibrname,
    sets,
    ...(typeof rule.comment === 'string' ? { comment: rule.comment } : {}),
    ...(packets === undefined ? {} : { packets }),
  };
}

function packetsOf({ expr }: JsonObject): number | undefined {
  for (const statement of Array.isArray(expr) ? expr : []) {
    const counter = isObject(statement) ? statement.counter : undefined;
    if (isObject(counter) && typeof counter.packets === 'number') return counter.packets;
  }
  return undefined;
}
