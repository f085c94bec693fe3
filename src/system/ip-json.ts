import { asArray, asInteger, asObject, asString, type JsonObject, parseJson } from './json.ts';

/** A network device. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** `bridge`, `veth`, `tun`, `vlan` …; undefined for a physical device. */
  readonly kind: string | undefined;
  /** Bridge (or bond …) that it is a port of. */
  readonly master: string | undefined;
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  readonly mac: string | undefined;
  /** Index of the other end of a veth pair, in that end's namespace. */
  readonly peerIndex: number | undefined;
  /** IPv4 addresses, `169.254.16.9/32`; filled by `address show` only. */
  readonly addresses: readonly string[];
}

export interface Route {
  /** `default` or a prefix. */
  readonly destination: string;
  readonly device: string | undefined;
  readonly scope: string | undefined;
  readonly gateway: string | undefined;
}

export interface IpAnswer {
  readonly links: readonly Link[];
  readonly routes: readonly Route[];
}

/**
 * Reads what `ip -j -batch` prints: a list per line. Told apart by content, not by position, because some versions print
 * `[]`, some nothing and some `[{},{}]` where nothing matches.
 */
export function parseIpAnswer(text: string, source: string): IpAnswer {
  const links = new Map<string, Link>();
  const routes: Route[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    for (const value of asArray(parseJson(line, source), source, 'the answer')) {
      const item = asObject(value, source, 'an item');
      if (item.ifname !== undefined) {
        const link = parseLink(item, source);
        links.set(link.name, link);
      } else if (item.dst !== undefined) routes.push(parseRoute(item, source));
      else if (Object.keys(item).length > 0) asString(item.ifname, source, 'the name of a device');
    }
  }
  return { links: [...links.values()], routes };
}

function parseLink(item: JsonObject, source: string): Link {
  const name = asString(item.ifname, source, 'the name of a device');
  const info = item.linkinfo === undefined ? {} : asObject(item.linkinfo, source, `the kind of ${name}`);
  return {
    name,
    index: asInteger(item.ifindex, source, `the index of ${name}`),
    kind: optionalString(info.info_kind, source, `the kind of ${name}`),
    master: optionalString(item.master, source, `the master of ${name}`),
    up: asArray(item.flags, source, `the flags of ${name}`).includes('UP'),
    mtu: asInteger(item.mtu, source, `the MTU of ${name}`),
    mac: optionalString(item.address, source, `the MAC of ${name}`),
    peerIndex:
      item.link_index === undefined ? undefined : asInteger(item.link_index, source, `the peer of ${name}`),
    addresses: asArray(item.addr_info ?? [], source, `the addresses of ${name}`).flatMap((value) => {
      const address = asObject(value, source, `an address of ${name}`);
      return address.family === 'inet' ? [`${address.local}/${address.prefixlen}`] : [];
    }),
  };
}

function parseRoute(item: JsonObject, source: string): Route {
  const destination = asString(item.dst, source, 'the destination of a route');
  return {
    destination,
    device: optionalString(item.dev, source, `the device of the route to ${destination}`),
    scope: optionalString(item.scope, source, `the scope of the route to ${destination}`),
    gateway: optionalString(item.gateway, source, `the gateway of the route to ${destination}`),
  };
}

function optionalString(value: unknown, source: string, what: string): string | undefined {
  return value === undefined ? undefined : asString(value, source, what);
}
