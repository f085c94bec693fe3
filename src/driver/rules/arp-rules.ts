import { bridgePort, SERVICE_ADDRESS } from '../../model/names.ts';
import { marked } from './fingerprint.ts';

/**
 * How a rule tells which bridge a frame is on. `ibrname` is the stock drivers' form. Kernels without
 * CONFIG_NFT_BRIDGE_META get `port-set`: a frame never leaves by a port of another bridge, so "not by any of our veth
 * ports" says the same, for all bridges at once. (`oifname != "br0b"` alone would drop what goes to br1b.)
 */
export type ArpForm = 'ibrname' | 'port-set';

/** Set of all `<bridge>b`; in the form `ibrname` it has the bridges in it as well (guard-rules.ts). */
export const PORT_SET = 'veth_ports';

/** Hook of every ARP chain, the same as the stock drivers', so that their `add chain` still succeeds. */
export const ARP_HOOK = {
  text: 'type filter hook forward priority filter; policy accept;',
  // In the bridge family "filter" is -200.
  read: 'filter forward -200 accept',
} as const;

/**
 * Rules of the ARP chain: what is for the service address leaves by `<bridge>b` alone. Requests, so that the nearest
 * hypervisor answers; and IPv4, because a bridge that has not heard our veth for five minutes floods what is for it to all
 * its ports, where other guests and hypervisors would read it.
 */
export function arpRules(bridge: string, form: ArpForm): readonly string[] {
  const elsewhere =
    form === 'ibrname'
      ? `meta ibrname "${bridge}" oifname != "${bridgePort(bridge)}"`
      : `oifname != @${PORT_SET}`;
  // The address first: two comparisons let every other frame pass, and there is a chain per bridge on every frame's way.
  return [
    `meta protocol arp arp operation request arp daddr ip ${SERVICE_ADDRESS}`,
    `ip daddr ${SERVICE_ADDRESS}`,
  ]
    .map((frame) => `${frame} ${elsewhere} drop`)
    .map((rule) => marked(bridge, rule));
}

/** Chain that brings guests' frames for the service address to the nearest proxy; the same for all bridges. */
export const REDIRECT_CHAIN = 'nearest';
/** Tap → MAC of the `<bridge>a` of its bridge, for that chain. */
export const TAP_MAP = 'tap_macs';
/** Before the bridge looks up where a frame goes. */
export const REDIRECT_HOOK = {
  text: 'type filter hook prerouting priority dstnat; policy accept;',
  read: 'filter prerouting -300 accept',
} as const;

/**
 * A guest that comes by live migration has the MAC of the veth of its former hypervisor in its ARP cache, and would send to
 * it for up to 45 s (measured), whether somebody is still there or not. The tap that a frame comes from tells the bridge,
 * so this needs no `meta ibrname`, and frames from other hypervisors pass unchanged.
 */
export function redirectRules(): readonly string[] {
  const rule = `ip daddr ${SERVICE_ADDRESS} ether daddr set iifname map @${TAP_MAP}`;
  return [marked('', rule)];
}
