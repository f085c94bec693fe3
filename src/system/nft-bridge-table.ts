import { asArray, asObject, asString, isObject, type JsonObject } from './json.ts';
import { chainsOf, type NftChain } from './nft-chains.ts';
import { nftObjects } from './nft-objects.ts';

/** `table bridge one_tproxy`. */
export interface BridgeTable {
  readonly chains: ReadonlyMap<string, NftChain>;
  /** Elements of sets of interface names. */
  readonly sets: ReadonlyMap<string, readonly string[]>;
  /** Elements of maps of interface names to MAC addresses. */
  readonly macMaps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Names of what else lies there. */
  readonly others: readonly string[];
}

/** Reads the output of `nft -j list table bridge one_tproxy`, or of `list chain …`, `list set …`, `list map …`. */
export function parseBridgeTable(
  text: string,
  asked: 'table' | 'chain' | 'set' | 'map',
  source: string,
): BridgeTable {
  const objects = nftObjects(text, 'bridge', asked, source);
  const sets = new Map<string, readonly string[]>();
  const macMaps = new Map<string, ReadonlyMap<string, string>>();
  const others: string[] = [];
  for (const { kind, object } of objects) {
    if (kind === 'table' || kind === 'chain' || kind === 'rule') continue;
    const name = asString(object.name, source, `the name of a ${kind}`);
    if (kind === 'set' && object.type === 'ifname') sets.set(name, namesOf(object, name, source));
    else if (kind === 'map' && object.type === 'ifname' && object.map === 'ether_addr') {
      macMaps.set(name, macsOf(object, name, source));
    } else others.push(name);
  }
  return { chains: chainsOf(objects, source), sets, macMaps, others };
}

function namesOf(set: JsonObject, name: string, source: string): string[] {
  return elementsOf(set, name, source).map((element) => nameOf(element, name, source));
}

function macsOf(map: JsonObject, name: string, source: string): ReadonlyMap<string, string> {
  return new Map(
    elementsOf(map, name, source).map((element) => {
      const [key, value] = asArray(element, source, `an element of map ${name}`);
      return [nameOf(key, name, source), asString(value, source, `a value of map ${name}`)];
    }),
  );
}

function elementsOf(set: JsonObject, name: string, source: string): readonly unknown[] {
  return set.elem === undefined ? [] : asArray(set.elem, source, `the elements of ${name}`);
}

/** A plain name, or `{"elem":{"val":…}}` when the element carries anything else. */
function nameOf(element: unknown, name: string, source: string): string {
  const value = isObject(element) ? asObject(element.elem, source, `an element of ${name}`).val : element;
  return asString(value, source, `an element of ${name}`);
}
