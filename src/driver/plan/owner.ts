import { TproxyError } from '../../errors.ts';
import { bridgePort, netnsDevice, netnsName } from '../../model/names.ts';
import { type Facts, isPair, type PortFacts } from '../facts/facts.ts';
import { arpChainState } from '../rules/chains.ts';

type Veth = Extract<PortFacts, { is: 'veth' }>;
type Owned = Pick<Facts, 'bridge' | 'port' | 'netns' | 'nft'>;

/**
 * What has the name of our port was made by this program or by a stock driver, whole or not, and so may be taken away.
 * `portMac`: what this program gives it.
 */
export function isOurPort(facts: Owned, portMac: string): boolean {
  const { port, netns } = facts;
  if (port.is !== 'veth') return false;
  if (port.mac === portMac || port.pinned.length > 0) return true;
  if (netns.is === 'present' && isPair(port, netns.inside.device)) return true;
  // Both ends are in the root namespace: a stock driver makes them there, and may have got no further.
  if (port.peerIndex === undefined) return port.peer === netnsDevice(facts.bridge);
  return isPlumbedPort(facts, port);
}

/** The other end is in a namespace that nobody can name. Where a driver has plumbed the bridge in nft, the port is its. */
function isPlumbedPort({ bridge, nft }: Owned, { master }: Veth): boolean {
  return (
    master === bridge && (nft.endpoints !== undefined || arpChainState(nft.chains, bridge) !== 'missing')
  );
}

/** Throws when something that is not ours has the name of our port. */
export function refuseStranger(facts: Owned, portMac: string): void {
  const { bridge, port } = facts;
  if (port.is === 'missing' || isOurPort(facts, portMac)) return;
  const name = bridgePort(bridge);
  throw new TproxyError(`bridge ${bridge}: ${name} is taken by ${whatItIs(facts)}`, {
    remedy: `rename or delete that device, because tproxy needs its name (ip -d link show ${name})`,
  });
}

/** `a device of kind dummy`, `a veth whose other end is br0x`. */
export function whatItIs({ bridge, port }: Owned): string {
  if (port.is === 'missing') return 'nothing';
  if (port.is === 'stranger') return `a device of kind ${port.kind}`;
  const end = port.peer ?? `not ${netnsDevice(bridge)} in netns ${netnsName(bridge)}`;
  return `a veth whose other end is ${end}`;
}
