import { isIPv4 } from 'node:net';
import type { Endpoint, EndpointMaps } from '../model/endpoint.ts';
import { bridgeOfEndpointMap, NFT_TABLE } from '../model/names.ts';
import {
  asArray,
  asInteger,
  asObject,
  asString,
  excerpt,
  isObject,
  type JsonObject,
  UnreadableAnswerError,
} from './json.ts';
import { nftObjects } from './nft-objects.ts';

/** `table ip one_tproxy`. */
export interface IpTable {
  readonly endpointMaps: EndpointMaps;
  /** Names of what else lies there: sets, chains, maps of other people. */
  readonly others: readonly string[];
}

/** Reads the output of `nft -j list table ip one_tproxy`, or of `list map …`. */
export function parseIpTable(text: string, asked: 'table' | 'map', source: string): IpTable {
  const endpointMaps = new Map<string, readonly Endpoint[]>();
  const others: string[] = [];
  for (const { kind, object } of nftObjects(text, 'ip', asked, source)) {
    if (kind === 'table' || kind === 'rule') continue;
    const name = asString(object.name, source, `the name of a ${kind}`);
    const bridge = kind === 'map' ? bridgeOfEndpointMap(name) : undefined;
    if (bridge === undefined) others.push(name);
    else endpointMaps.set(bridge, parseEndpoints(object, name, source));
  }
  return { endpointMaps, others };
}

function parseEndpoints(map: JsonObject, name: string, source: string): Endpoint[] {
  if (map.type !== 'inet_service' || !leadsToUpstreams(map.map)) {
    throw new UnreadableAnswerError(
      source,
      `map ${name} leads ${excerpt(map.type)} to ${excerpt(map.map)}, not inet_service to ipv4_addr . inet_service`,
      { remedy: `delete it: nft delete map ip ${NFT_TABLE} ${name}` },
    );
  }
  if (map.elem === undefined) return [];
  return asArray(map.elem, source, `the elements of map ${name}`).map((element) => {
    const [key, value] = asArray(element, source, `an element of map ${name}`);
    return parseEndpoint(key, value, name, source);
  });
}

/** nft 1.0.6 prints a concatenated type as text, 1.1.3 as a list. */
function leadsToUpstreams(type: unknown): boolean {
  return (Array.isArray(type) ? type.join(' . ') : type) === 'ipv4_addr . inet_service';
}

/** A key is `5030`, or `{"elem":{"val":5030,"comment":"proxy=v2"}}` when the element carries anything else. */
function parseEndpoint(key: unknown, value: unknown, map: string, source: string): Endpoint {
  const wrapped = isObject(key) ? asObject(key.elem, source, `a key of map ${map}`) : undefined;
  const servicePort = portOf(wrapped === undefined ? key : wrapped.val, map, source);
  const [address, port] = asArray(
    asObject(value, source, `port ${servicePort} of map ${map}`).concat,
    source,
    `the upstream of port ${servicePort} of map ${map}`,
  );
  if (typeof address !== 'string' || !isIPv4(address)) {
    throw new UnreadableAnswerError(
      source,
      `port ${servicePort} of map ${map} leads to ${excerpt(address)}, not to an IPv4 address`,
    );
  }
  const endpoint = { servicePort, upstream: { address, port: portOf(port, map, source) } };
  if (wrapped?.comment === undefined) return endpoint;
  return { ...endpoint, comment: asString(wrapped.comment, source, `the comment of port ${servicePort}`) };
}

function portOf(value: unknown, map: string, source: string): number {
  const port = asInteger(value, source, `a port in map ${map}`);
  if (port >= 0 && port <= 65_535) return port;
  throw new UnreadableAnswerError(source, `port ${port} in map ${map}`);
}
