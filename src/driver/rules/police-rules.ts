import type { Policing } from '../../model/limits.ts';
import { SERVICE_ADDRESS } from '../../model/names.ts';
import type { ArpForm } from './arp-rules.ts';
import { marked } from './fingerprint.ts';
import { fromOthers } from './guard-rules.ts';

/**
 * Chain that limits what a port of a bridge may send to the service address (docs/decisions/0023): the processor that
 * carries what is dropped here is spared the way to the netns, TCP, and the proxy.
 */
export const POLICE_CHAIN = 'police';
/** Before the guard: what is dropped costs least where it is dropped first. */
export const POLICE_HOOK = {
  text: 'type filter hook prerouting priority dstnat - 20; policy accept;',
  read: 'filter prerouting -320 accept',
} as const;

/** Ports with the rate of their SYNs, and of their bytes. */
const SYNS = 'police_syns';
const BYTES = 'police_bytes';
const PORTS = 'type ifname; size 4096; flags dynamic,timeout; timeout 1m;';

/** Sets that the chain fills itself: name → definition. When they are full, ports that are not in them have no limit. */
export const POLICE_SETS: Readonly<Record<string, string>> = { [SYNS]: PORTS, [BYTES]: PORTS };

const BYTES_PER_MBIT = 125_000;
/**
 * The kernel adds one second's worth to it (nft_limit.c); a rate of packets gets no more than its burst. Guests' TCP offloads:
 * what the bridge sees are packets of up to 64 KiB.
 */
const BURST_BYTES = 64 * 1024;

/** Rules of the chain, for all bridges at once; none when nothing is limited. */
export function policeRules(form: ArpForm, { portRate, portBandwidth }: Policing): readonly string[] {
  const rules: string[] = [];
  const to = `ip daddr ${SERVICE_ADDRESS}`;
  const over = (match: string, set: string, rate: string) =>
    rules.push(
      `${match} ${fromOthers(form)} update @${set} { iifname limit rate over ${rate} } counter drop`,
    );
  if (portRate > 0) {
    over(`${to} tcp flags & (syn | ack) == syn`, SYNS, `${portRate}/second burst ${portRate} packets`);
  }
  if (portBandwidth > 0) {
    const rate = portBandwidth * BYTES_PER_MBIT;
    over(to, BYTES, `${rate} bytes/second burst ${BURST_BYTES} bytes`);
  }
  return rules.map((rule) => marked('', rule));
}

/** `300 new connections/s and 400 Mbit/s`; there is at least one limit. */
export function policingWords({ portRate, portBandwidth }: Policing): string {
  return [
    ...(portRate > 0 ? [`${portRate} new connections/s`] : []),
    ...(portBandwidth > 0 ? [`${portBandwidth} Mbit/s`] : []),
  ].join(' and ');
}
