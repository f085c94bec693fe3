import { setTimeout as sleep } from 'node:timers/promises';
import { bridgePort } from '../model/names.ts';
import { askIp } from '../system/ip.ts';
import type { BridgeInfo, BridgePortInfo } from '../system/ip-json.ts';
import type { Run } from '../system/run.ts';

/** A deployment may be held up this long for its bridge; a guest's own port takes as long, from when its VM starts. */
const WAIT_S = 5;
const LOOK_AGAIN_MS = 250;

/** When frames of guests get to our port. */
export type Forwarding =
  | { readonly is: 'now' }
  /** The spanning tree listens and learns first. */
  | { readonly is: 'soon'; readonly inS: number }
  /** The spanning tree has closed the port: it sees a loop. Or it has no carrier. */
  | { readonly is: 'closed'; readonly state: string };

/** Pure: when a port with this state forwards. */
export function forwarding(port: BridgePortInfo | undefined, bridge: BridgeInfo | undefined): Forwarding {
  const delayS = bridge?.stpDelayS ?? 0;
  if (port === undefined) return { is: 'now' };
  switch (port.state) {
    case 'forwarding':
      return { is: 'now' };
    case 'listening':
      return { is: 'soon', inS: port.timerS + delayS };
    case 'learning':
      return { is: 'soon', inS: port.timerS };
    default:
      return { is: 'closed', state: port.state };
  }
}

/** Waits until our port of a bridge forwards, for as long as a deployment may be held up. Resolves with what is so then. */
export async function untilForwarding(run: Run, bridge: string): Promise<Forwarding> {
  const deadline = performance.now() + WAIT_S * 1000;
  for (;;) {
    const seen = await look(run, bridge);
    const leftS = (deadline - performance.now()) / 1000;
    const worthIt = seen.is === 'closed' ? leftS > WAIT_S - 1 : seen.is === 'soon' && seen.inS < leftS;
    if (!worthIt) return seen;
    await sleep(LOOK_AGAIN_MS);
  }
}

async function look(run: Run, bridge: string): Promise<Forwarding> {
  const { links } = await askIp(run, [`link show dev ${bridge}`, `link show dev ${bridgePort(bridge)}`]);
  const find = (name: string) => links.find((link) => link.name === name);
  return forwarding(find(bridgePort(bridge))?.bridgePort, find(bridge)?.bridge);
}
