import type { Policing } from '../../model/limits.ts';
import { SERVICE_ADDRESS } from '../../model/names.ts';
import type { NftChain } from '../../system/nft-chains.ts';
import type { ArpForm } from './arp-rules.ts';
import { type ChainState, chainStateOf } from './chain-state.ts';
import { marked } from './fingerprint.ts';
import { fromOthers } from './guard-rules.ts';

/**
 * Chain that limits what a port of a bridge may send to the service address (docs/decisions/0023): the processor that
 * carries what is dropped here is spared the way to the netns, TCP, and the proxy.
 */
export const POLICE_CHAIN = 'police';
/** Before the guard: what is dropped costs least where it is dropped first. */
export const POLICE_HOOK = 'type filter hook prerouting priority dstnat - 20; policy accept;';
/** The same as nft reads it back. */
export const POLICE_HOOK_READ = 'filter prerouting -320 accept';

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

/** What the chain is like that limits ports to this. */
export function policeState(
  chain: NftChain | undefined,
  form: ArpForm,
  policing: Policing,
): Exclude<ChainState, 'wrong-hook'> {
  const state = chainStateOf(chain, POLICE_HOOK_READ, [policeRules(form, policing)]);
  return state === 'wrong-hook' ? 'wrong-rules' : state;
}
