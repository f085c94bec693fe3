import type { Document, ParsedNode, YAMLMap } from 'yaml';
import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  Scalar,
  visit,
} from 'yaml';
import { ConfigError } from '../../errors.ts';
import type { KeyStyle } from './key-style.ts';
import type { Position } from './problem.ts';

/** A key of a mapping with its value, aliases and merge keys (`<<`) resolved. */
export interface Field {
  /** Without the leading colon, where keys are Ruby symbols. */
  readonly key: string;
  readonly at: Position;
  readonly value: Node | undefined;
}

/** The document as this program looks at it: only where it needs to, so that other drivers' keys stay alone. */
export interface YamlSource {
  position(node: unknown): Position;
  /** The node that an alias stands for; undefined for nothing at all. */
  resolve(node: unknown): Node | undefined;
  /** All fields, duplicates included; merged ones last and only where the mapping has no such key itself. */
  fields(map: YAMLMap): readonly Field[];
  /** Text (numbers as they are written), boolean, null, list of those, or `{}` for a mapping. */
  plain(node: Node | undefined): unknown;
}

/** Visits of nodes, aliases followed: far more than an honest file of 1 MiB needs, and done in a second. */
const MAX_VISITS = 500_000;
const MAX_MERGE_DEPTH = 20;
/** Ruby symbols: `:name`, `:"two words"`. */
const SYMBOL = /^:(?:([A-Za-z0-9_].*)|"(.*)"|'(.*)')$/s;

/** `hasAnchors` may be wrong in one direction: without an anchor, looking for aliases only takes time. */
export function yamlSource(
  document: Document<ParsedNode>,
  lines: LineCounter,
  { symbols }: KeyStyle,
  hasAnchors: boolean,
): YamlSource {
  const anchored = hasAnchors ? resolveAliases(document) : new Map<Alias, Node>();
  let visits = 0;

  function resolve(node: unknown): Node | undefined {
    visits += 1;
    if (visits > MAX_VISITS) throw new ConfigError('too many aliases');
    const target = isAlias(node) ? anchored.get(node) : node;
    return isNode(target) ? target : undefined;
  }

  function position(node: unknown): Position {
    const { line, col } = lines.linePos((isNode(node) ? node.range?.[0] : undefined) ?? 0);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  function fields(map: YAMLMap, depth = 0): readonly Field[] {
    const own: Field[] = [];
    const merged: Field[] = [];
    for (const pair of map.items) {
      const key = resolve(pair.key);
      if (isScalar(key) && key.value === '<<' && key.type === Scalar.PLAIN) {
        merged.push(...mergedFields(pair.value, depth));
      } else own.push({ key: keyText(key), at: position(pair.key), value: resolve(pair.value) });
    }
    const taken = new Set(own.map((field) => field.key));
    return [...own, ...merged.filter((field) => !taken.has(field.key) && taken.add(field.key))];
  }

  function mergedFields(node: unknown, depth: number): readonly Field[] {
    if (depth >= MAX_MERGE_DEPTH) throw new ConfigError('merge keys nested too deep');
    const target = resolve(node);
    const maps = isSeq(target) ? target.items.map(resolve) : [target];
    return maps.flatMap((map) => (isMap(map) ? fields(map, depth + 1) : []));
  }

  function plain(node: Node | undefined, depth = 0): unknown {
    if (node === undefined) return null;
    if (isSeq(node)) return depth > 0 ? [] : node.items.map((item) => plain(resolve(item), depth + 1));
    return isScalar(node) ? scalar(node, symbols) : {};
  }

  function keyText(key: Node | undefined): string {
    // A list or a mapping as a key is no key that anybody knows.
    if (!isScalar(key)) return key === undefined ? '' : isSeq(key) ? '[…]' : '{…}';
    const text = String(scalar(key, symbols));
    return symbols && text.startsWith(':') ? text.slice(1) : text;
  }

  return { position, resolve, fields: (map) => fields(map), plain: (node) => plain(node) };
}

function scalar(node: Scalar, symbols: boolean): unknown {
  const { value } = node;
  if (value === null || typeof value === 'boolean') return value;
  // As written: a network named 007 or 1e3 keeps its name.
  if (typeof value !== 'string') return node.source ?? String(value);
  if (!symbols || node.type !== Scalar.PLAIN) return value;
  const symbol = SYMBOL.exec(value);
  return symbol?.[1] ?? symbol?.[2] ?? symbol?.[3] ?? value;
}

/**
 * What each alias stands for, found in one pass: the library's own `Alias.resolve` walks the whole document each time,
 * so that a file of aliases takes minutes.
 */
function resolveAliases(document: Document<ParsedNode>): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}
