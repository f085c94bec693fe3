import type { EndpointMaps } from '../model/endpoint.ts';
import { endpointMapName, NFT_TABLE } from '../model/names.ts';
import { type BridgeTable, parseBridgeTable } from './nft-bridge-table.ts';
import { classifyNftFailure, explainNftFailure } from './nft-errors.ts';
import { type IpTable, parseIpTable } from './nft-ip-table.ts';
import type { Run } from './run.ts';

/** Our tables of the caller's network namespace; undefined: there is no such table. */
export interface NftTables {
  readonly ip: IpTable | undefined;
  readonly bridge: BridgeTable | undefined;
}

/**
 * Endpoints of every bridge. A missing table means no map; an nft that fails, hangs or answers nonsense is an error,
 * because unreadable is not empty.
 */
export async function readEndpointMaps(run: Run): Promise<EndpointMaps> {
  return (await readIp(run, 'table'))?.endpointMaps ?? new Map();
}

/** Endpoints of one bridge; no map when it has none. For the price of this map alone, however many there are. */
export async function readEndpointMap(run: Run, bridge: string): Promise<EndpointMaps> {
  return (await readIp(run, 'map', endpointMapName(bridge)))?.endpointMaps ?? new Map();
}

/**
 * Both tables. Two processes side by side: nft 1.0.6 gets its cache wrong when one command line lists two tables (it
 * then swears that the first is missing), and prints nothing at all, with status 0, for `-j -f`.
 */
export async function readTables(run: Run): Promise<NftTables> {
  const [ip, bridge] = await Promise.all([readIp(run, 'table'), readBridge(run, 'table')]);
  return { ip, bridge };
}

/** Names of single objects: the endpoint map of a bridge, and chains, sets and MAC maps of the bridge table. */
export interface ObjectNames {
  readonly endpoints: string;
  readonly chains: readonly string[];
  readonly sets: readonly string[];
  readonly macMaps: readonly string[];
}

/**
 * Just the named objects, as tables with nothing else in them: a process for each, and no dearer on a host with many
 * bridges (docs/decisions/0006).
 */
export async function readObjects(run: Run, names: ObjectNames): Promise<NftTables> {
  const read = (asked: 'chain' | 'set' | 'map') => (name: string) => readBridge(run, asked, name);
  const [ip, ...parts] = await Promise.all([
    readIp(run, 'map', names.endpoints),
    ...names.chains.map(read('chain')),
    ...names.sets.map(read('set')),
    ...names.macMaps.map(read('map')),
  ]);
  const found = parts.filter((part) => part !== undefined);
  if (found.length === 0) return { ip, bridge: undefined };
  return {
    ip,
    bridge: {
      chains: new Map(found.flatMap(({ chains }) => [...chains])),
      sets: new Map(found.flatMap(({ sets }) => [...sets])),
      macMaps: new Map(found.flatMap(({ macMaps }) => [...macMaps])),
      others: [],
    },
  };
}

async function readIp(run: Run, asked: 'table' | 'map', name?: string): Promise<IpTable | undefined> {
  return list(run, [asked, 'ip'], name, (text, source) => parseIpTable(text, asked, source));
}

async function readBridge(
  run: Run,
  asked: 'table' | 'chain' | 'set' | 'map',
  name?: string,
): Promise<BridgeTable | undefined> {
  return list(run, [asked, 'bridge'], name, (text, source) => parseBridgeTable(text, asked, source));
}

/** Undefined when there is no such object. */
async function list<T>(
  run: Run,
  what: readonly string[],
  name: string | undefined,
  parse: (text: string, source: string) => T,
): Promise<T | undefined> {
  const args = ['-j', 'list', ...what, NFT_TABLE, ...(name === undefined ? [] : [name])];
  try {
    return parse((await run('nft', args)).stdout, `nft ${args.join(' ')}`);
  } catch (error) {
    if (classifyNftFailure(error) === 'missing-object') return undefined;
    throw explainNftFailure(error);
  }
}

/** Applies `text` as one transaction: all of it or, on any error, nothing. */
export async function applyNft(run: Run, text: string): Promise<void> {
  try {
    await run('nft', ['-f', '-'], { input: text, inputFrom: 'file' });
  } catch (error) {
    throw explainNftFailure(error);
  }
}
