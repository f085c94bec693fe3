import { asArray, asInteger, asObject, asString, isObject, type JsonObject, parseJson } from './json.ts';

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
  /** Index of the other end of a veth pair, in that end's namespace; undefined when that is the caller's too. */
  readonly peerIndex: number | undefined;
  /** Name of the other end of a veth pair in the caller's namespace. */
  readonly peer: string | undefined;
  /** As a bridge: what it does with frames. */
  readonly bridge: BridgeInfo | undefined;
  /** As a port of a bridge. */
  readonly bridgePort: BridgePortInfo | undefined;
  /** IPv4 addresses, `169.254.16.9/32`; filled by `address show` only. */
  readonly addresses: readonly string[];
}

export interface BridgeInfo {
  readonly filtersVlans: boolean;
  /** Seconds that a port listens, and then learns, before it forwards; undefined: no spanning tree, it forwards at once. */
  readonly stpDelayS: number | undefined;
  /** It gives IPv4 frames to iptables, whatever the sysctl says. */
  readonly callsIptables: boolean;
}

export interface BridgePortInfo {
  /** `forwarding`, `listening`, `learning`, `blocking` or `disabled`. */
  readonly state: string;
  /** Seconds until the next state. */
  readonly timerS: number;
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
  const kind = optionalString(info.info_kind, source, `the kind of ${name}`);
  return {
    name,
    index: asInteger(item.ifindex, source, `the index of ${name}`),
    kind,
    master: optionalString(item.master, source, `the master of ${name}`),
    up: asArray(item.flags, source, `the flags of ${name}`).includes('UP'),
    mtu: asInteger(item.mtu, source, `the MTU of ${name}`),
    mac: optionalString(item.address, source, `the MAC of ${name}`),
    peerIndex:
      item.link_index === undefined ? undefined : asInteger(item.link_index, source, `the peer of ${name}`),
    peer: kind === 'veth' ? optionalString(item.link, source, `the peer of ${name}`) : undefined,
    bridge: kind === 'bridge' ? bridgeInfo(info.info_data) : undefined,
    bridgePort: info.info_slave_kind === 'bridge' ? bridgePortInfo(info.info_slave_data) : undefined,
    addresses: asArray(item.addr_info ?? [], source, `the addresses of ${name}`).flatMap((value) => {
      const address = asObject(value, source, `an address of ${name}`);
      return address.family === 'inet' ? [`${address.local}/${address.prefixlen}`] : [];
    }),
  };
}

/** What an older `ip` or kernel does not tell is what such a kernel does: nothing of it. */
function bridgeInfo(data: unknown): BridgeInfo {
  const { vlan_filtering, stp_state, forward_delay, nf_call_iptables } = isObject(data) ? data : {};
  return {
    filtersVlans: vlan_filtering === 1,
    stpDelayS: typeof stp_state === 'number' && stp_state > 0 ? seconds(forward_delay) : undefined,
    callsIptables: nf_call_iptables === 1,
  };
}

function bridgePortInfo(data: unknown): BridgePortInfo | undefined {
  const { state, forward_delay_timer } = isObject(data) ? data : {};
  if (typeof state !== 'string') return undefined;
  return { state, timerS: typeof forward_delay_timer === 'number' ? forward_delay_timer : 0 };
}

/** The kernel counts hundredths. */
function seconds(value: unknown): number {
  return typeof value === 'number' ? value / 100 : 0;
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
