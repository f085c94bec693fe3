import { type Address, bitsOf, prefixOf } from '../../model/address.ts';
import type { Host } from '../names/host.ts';
import type { Rule } from './rule.ts';

/** Rules of one client by host and port, so that a verdict costs the same with ten rules and with ten thousand. */
export interface RuleIndex {
  /** Rules in their order that may be about this host and port; those that are left out are not. */
  readonly candidates: (host: Host, port: number) => readonly Rule[];
}

/** Rules by port, in order. */
type ByPort = Map<number, Rule[]>;

const NONE: readonly Rule[] = [];
/** Answers for hosts that were asked about lately. Hosts come from guests: the number is bounded. */
const MAX_REMEMBERED = 1024;

export function indexRules(rules: readonly Rule[]): RuleIndex {
  const names = new Map<string, ByPort>();
  const parents = new Map<string, ByPort>();
  const anyName: ByPort = new Map();
  const anyAddress: ByPort = new Map();
  /** By length of the prefix, then by prefix. */
  const ranges = new Map<string, Map<string, ByPort>>();
  const remembered = new Map<string, readonly Rule[]>();

  for (const rule of rules) {
    const { host } = rule;
    if (host.kind === 'name') add(entry(names, host.name, noPorts), rule);
    else if (host.kind === 'below') add(entry(parents, host.parent, noPorts), rule);
    else if (host.kind === 'range') {
      const { base, length } = host.range;
      const key = `${base.family}/${length}`;
      const prefixes = entry(ranges, key, () => new Map<string, ByPort>());
      add(entry(prefixes, prefixOf(base, length), noPorts), rule);
    } else {
      add(anyName, rule);
      if (rule.deny) add(anyAddress, rule);
    }
  }

  return { candidates };

  function candidates(host: Host, port: number): readonly Rule[] {
    const key = `${port} ${host.text}`;
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const found = inOrder(
      host.kind === 'name' ? aboutName(host.text, port) : aboutAddress(host.address, port),
    );
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(key, found);
    return found;
  }

  function aboutName(name: string, port: number): (readonly Rule[] | undefined)[] {
    const lists = [names.get(name)?.get(port), anyName.get(port)];
    if (parents.size === 0) return lists;
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      lists.push(parents.get(name.slice(dot + 1))?.get(port));
    }
    return lists;
  }

  function aboutAddress(address: Address, port: number): (readonly Rule[] | undefined)[] {
    const lists: (readonly Rule[] | undefined)[] = [anyAddress.get(port)];
    for (let length = 0; length <= bitsOf(address) && ranges.size > 0; length += 1) {
      const prefixes = ranges.get(`${address.family}/${length}`);
      if (prefixes !== undefined) lists.push(prefixes.get(prefixOf(address, length))?.get(port));
    }
    return lists;
  }
}

const noPorts = (): ByPort => new Map();

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

function add(byPort: ByPort, rule: Rule): void {
  for (const port of new Set(rule.ports)) entry(byPort, port, () => [] as Rule[]).push(rule);
}

function inOrder(lists: readonly (readonly Rule[] | undefined)[]): readonly Rule[] {
  const filled = lists.filter((list) => list !== undefined);
  if (filled.length < 2) return filled[0] ?? NONE;
  return filled.flat().sort((one, other) => one.number - other.number);
}
