import { createHash } from 'node:crypto';

/** The address a guest dials, on every bridge. */
export const SERVICE_ADDRESS = '169.254.16.9';
/** Guests that may wait in the queue of a service port, and as many half-open connections; the netns allows just that. */
export const SERVICE_BACKLOG = 4096;
/** Title of the forwarder, table name in nft, prefix of everything else. */
export const PREFIX = 'one_tproxy';
/** Table (families `ip` and `bridge`) that holds endpoint maps and ARP chains. */
export const NFT_TABLE = PREFIX;

/** How the MAC of every `<bridge>b` begins that this program makes; 16 and 9 are the end of the service address. */
export const PORT_MAC_PREFIX = 'fe:ff:10:09';

/** Longest interface name the kernel takes (IFNAMSIZ - 1), in bytes. */
const IFNAME_MAX_BYTES = 15;
/** What the kernel allows in an interface name and nft in an identifier, so that every derived name is valid too. */
const BRIDGE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** True for a name that can be a Linux interface and part of an nft identifier. */
export function isBridgeName(name: string): boolean {
  return name.length <= IFNAME_MAX_BYTES && BRIDGE_NAME.test(name);
}

/** netns of a bridge, as in `/run/netns/<name>`. */
export function netnsName(bridge: string): string {
  return `${PREFIX}_${bridge}`;
}

/** Process title of the listener of a bridge. */
export function listenerTitle(bridge: string): string {
  return `${PREFIX}_${bridge}`;
}

/** Port of the bridge in the root namespace: `<bridge>b`. */
export function bridgePort(bridge: string): string {
  return `${vethStem(bridge)}b`;
}

/** End of the veth pair inside the netns: `<bridge>a`. */
export function netnsDevice(bridge: string): string {
  return `${vethStem(bridge)}a`;
}

/**
 * The part that both ends share. A bridge of 15 bytes leaves no room for the suffix: a hash keeps the name stable and
 * distinct (40 bits: two such bridges on one host collide once in a trillion).
 */
function vethStem(bridge: string): string {
  if (bridge.length < IFNAME_MAX_BYTES) return bridge;
  return `otp${createHash('sha256').update(bridge).digest('hex').slice(0, 10)}`;
}

/** Endpoint map of a bridge in `table ip one_tproxy`. */
export function endpointMapName(bridge: string): string {
  return `ep_${bridge}`;
}

/** Bridge of an endpoint map, or undefined when the map is not one of ours. */
export function bridgeOfEndpointMap(map: string): string | undefined {
  return bridgeAfter('ep_', map);
}

/** ARP chain of a bridge in `table bridge one_tproxy`. */
export function arpChainName(bridge: string): string {
  return `ch_${bridge}`;
}

/** Bridge of an ARP chain, or undefined when the chain is not one of ours. */
export function bridgeOfArpChain(chain: string): string | undefined {
  return bridgeAfter('ch_', chain);
}

/** Bridge of a netns, or undefined when the netns is not one of ours. */
export function bridgeOfNetns(netns: string): string | undefined {
  return bridgeAfter(`${PREFIX}_`, netns);
}

function bridgeAfter(prefix: string, name: string): string | undefined {
  const bridge = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return isBridgeName(bridge) ? bridge : undefined;
}
