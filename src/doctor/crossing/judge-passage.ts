import { bridgePort, SERVICE_ADDRESS } from '../../model/names.ts';
import type { ForeignChain } from '../../system/nft-ruleset.ts';
import { counted } from '../../words.ts';
import { type Finding, failed, ok } from '../check.ts';
import type { Frame } from './frame.ts';
import { type Dropped, surelyDropped } from './passage.ts';

/** What others have put on the way of frames, once it was read. */
export interface Filters {
  /** Chains of the bridge family, less our own. */
  readonly bridge: readonly ForeignChain[];
  /** Chains for IPv4 that the bridge's frames go through as well; undefined: they do not. */
  readonly ip: readonly ForeignChain[] | undefined;
}

interface Way {
  readonly bridge: string;
  /** A port with a guest behind it. */
  readonly guestPort: string;
  readonly servicePort: number;
}

const BRIDGE_HOOKS = ['prerouting', 'forward', 'postrouting'];

/** A frame from a guest to the service and the one back, against what others have in their way. Judged by state alone. */
export function judgePassage(way: Way, { bridge, ip }: Filters): Finding {
  const inside = framesOn(way, way.guestPort, bridgePort(way.bridge));
  for (const frame of inside) {
    for (const hook of BRIDGE_HOOKS) {
      const dropped = surelyDropped(bridge, hook, frame);
      if (dropped !== undefined) return failed(...inBridge(frame, dropped));
    }
  }
  // iptables sees the bridge in place of its ports.
  const routed = framesOn(way, way.bridge, way.bridge).filter(({ protocol }) => protocol === 'ip');
  for (const frame of routed) {
    const dropped = surelyDropped(ip ?? [], 'forward', frame);
    if (dropped !== undefined) return failed(...inIptables(way.bridge, dropped));
  }
  const through = ip === undefined ? 'not given to iptables' : 'given to iptables, which lets it pass';
  const others = bridge.length === 0 ? '' : `, ${counted(bridge.length, 'chain')} of others`;
  return ok(`${through}${others}`);
}

/** ARP request, first packet and its answer. */
function framesOn({ bridge, servicePort }: Way, guests: string, ours: string): readonly Frame[] {
  const there = { input: guests, output: ours, bridge, source: undefined, destination: SERVICE_ADDRESS };
  const request: Frame = {
    ...there,
    ...{ protocol: 'ip', sourcePort: undefined, destinationPort: servicePort, state: 'new' },
  };
  const answer: Frame = {
    ...{ input: ours, output: guests, bridge, protocol: 'ip', state: 'established' },
    ...{ source: SERVICE_ADDRESS, destination: undefined },
    ...{ sourcePort: servicePort, destinationPort: undefined },
  };
  return [{ ...request, protocol: 'arp', destinationPort: undefined }, request, answer];
}

function inBridge(frame: Frame, dropped: Dropped): [string, string] {
  const { table, name } = dropped.chain;
  const what = frame.protocol === 'arp' ? 'ARP' : frame.state === 'new' ? 'what guests send' : 'the answer';
  return [
    `${inWords(dropped)} drops ${what}`,
    `let ${SERVICE_ADDRESS} pass there: see nft -a list chain bridge ${table} ${name}, and who made it`,
  ];
}

function inIptables(bridge: string, dropped: Dropped): [string, string] {
  const { family, table, name } = dropped.chain;
  const byIptables = family === 'ip' && table === 'filter';
  const pass = byIptables
    ? `iptables -I FORWARD -i ${bridge} -o ${bridge} -j ACCEPT (with Docker: -I DOCKER-USER)`
    : `nft insert rule ${family} ${table} ${name} iifname ${bridge} oifname ${bridge} accept`;
  return [
    `br_netfilter gives frames of ${bridge} to iptables, where ${inWords(dropped)} drops them`,
    `keep them from it: sysctl -w net.bridge.bridge-nf-call-iptables=0, unless something on this host needs it (security groups of iptables do); else let them pass: ${pass}`,
  ];
}

function inWords({ chain, by }: Dropped): string {
  const { family, table, name } = chain;
  const where = `chain ${name} in table ${family} ${table}`;
  return by === 'its policy' ? `the policy of ${where}` : `${by} of ${where}`;
}
