import { bridgePort, netnsName } from '../../model/names.ts';
import type { Facts } from '../facts/facts.ts';
import type { Desired } from './desired.ts';
import { isOurPort } from './owner.ts';
import { planLinks } from './plan-links.ts';
import { planNft, planNftRemoval } from './plan-nft.ts';
import type { Step } from './steps.ts';

/**
 * The steps that lead from what is there to what should be; none when they are the same. Pure. Throws when something that
 * is not ours has one of our names.
 */
export function planBridge(facts: Facts, desired: Desired): readonly Step[] {
  return desired.endpoints.length === 0 ? planRemoval(facts, desired) : planPlumbing(facts, desired);
}

/** nft last: an endpoint map says that the bridge is ready for its listener. */
function planPlumbing(facts: Facts, desired: Desired): Step[] {
  return [...planLinks(facts, desired), ...planNft(facts, desired)];
}

/** nft first: with the map gone nobody starts a listener on what is being taken away. */
function planRemoval(facts: Facts, { taps, portMac }: Desired): Step[] {
  const { bridge, nft, netns } = facts;
  const steps = planNftRemoval(bridge, nft, taps.elsewhere);
  // A stranger that took the name of our port stays.
  if (isOurPort(facts, portMac)) steps.push({ do: 'delete-veth', port: bridgePort(bridge) });
  if (netns.is !== 'missing') steps.push({ do: 'delete-netns', netns: netnsName(bridge) });
  return steps;
}
