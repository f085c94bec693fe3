import { bridgePort, netnsDevice, netnsName } from '../../model/names.ts';
import { type Facts, type InsideFacts, isPair } from '../facts/facts.ts';
import { FORWARDING, isDeviceSysctl, netnsSysctls } from '../rules/netns-sysctls.ts';
import type { Desired } from './desired.ts';
import { refuseStranger } from './owner.ts';
import { planVlans, vlansOfPort } from './plan-vlans.ts';
import type { Step } from './steps.ts';

const ETHERNET_MTU = 1500;

/** netns and veth: made, or repaired where they are not what they should be. "Exists" is not "correct". */
export function planLinks(facts: Facts, { mac, portMac }: Pick<Desired, 'mac' | 'portMac'>): Step[] {
  const { bridge, port, netns } = facts;
  refuseStranger(facts, portMac);
  const names = { netns: netnsName(bridge), port: bridgePort(bridge), device: netnsDevice(bridge) };
  const inside = netns.is === 'present' ? netns.inside : undefined;
  const mtu = pairMtu(facts);
  const steps: Step[] = [];

  if (netns.is === 'stale') steps.push({ do: 'delete-netns', netns: names.netns });
  if (inside === undefined) steps.push({ do: 'create-netns', netns: names.netns });

  const paired = inside !== undefined && isPair(port, inside.device);
  if (paired && port.is === 'veth') {
    if (port.master !== bridge) steps.push({ do: 'set-port-master', port: names.port, bridge });
    if (port.mtu !== mtu) steps.push({ do: 'set-port-mtu', port: names.port, mtu });
    if (isLow(port.mac) && !isChosen(facts))
      steps.push({ do: 'set-port-mac', port: names.port, mac: portMac });
    if (!port.up) steps.push({ do: 'set-port-up', port: names.port });
    const joins = planVlans(facts, port.master !== bridge);
    steps.push(...joins);
    const kept = inside.device?.mac;
    if (kept !== undefined && (joins.length > 0 || !isPinned(facts, kept))) {
      steps.push({ do: 'pin-mac', port: names.port, mac: kept });
    }
  } else {
    // One end without the other, or in the wrong place: the pair is made anew. The netns stays, and with it a listener,
    // whose sockets work again as soon as the address is back.
    if (port.is === 'veth') steps.push({ do: 'delete-veth', port: names.port });
    if (inside?.device !== undefined) {
      steps.push({ do: 'delete-device', netns: names.netns, device: names.device });
    }
    steps.push(
      { do: 'create-veth', ...names, mtu, mac, portMac: chosenMac(facts) ?? portMac },
      { do: 'set-port-master', port: names.port, bridge },
      { do: 'set-port-up', port: names.port },
      ...planVlans(facts, true),
      { do: 'pin-mac', port: names.port, mac },
    );
  }
  return [...steps, ...planInside(names, inside, paired, mtu)];
}

/**
 * The least MTU of the other ports. Not the bridge's own: that follows the least of all its ports, ours included, so a pair
 * that was once too small would hold it down for ever.
 */
export function pairMtu({ bridge, device, ports }: Pick<Facts, 'bridge' | 'device' | 'ports'>): number {
  const others = ports.filter(({ name }) => name !== bridgePort(bridge)).map(({ mtu }) => mtu);
  if (others.length > 0) return Math.min(...others);
  return device.is === 'bridge' ? device.mtu : ETHERNET_MTU;
}

/** In the VLANs of the port, and for when the bridge does not filter. A port that changes its bridge is pinned nowhere. */
function isPinned(facts: Facts, mac: string): boolean {
  const { bridge, port, device } = facts;
  if (port.is !== 'veth' || port.master !== bridge) return false;
  const filters = device.is === 'bridge' && device.info?.filtersVlans === true;
  const vlans = filters ? (vlansOfPort(facts) ?? []).map(({ id }) => id) : [];
  return [undefined, ...vlans].every((vlan) =>
    port.pinned.some((pin) => pin.mac === mac && pin.vlan === vlan),
  );
}

/** Below the MACs that hypervisors give to taps, so that a bridge may choose it. */
export function isLow(mac: string | undefined): boolean {
  return mac !== undefined && mac < 'fe:';
}

/** The bridge has the MAC of our port for its own: with another one it would change its address under its neighbours. */
export function isChosen(facts: Pick<Facts, 'device' | 'port' | 'bridge'>): boolean {
  return chosenMac(facts) !== undefined;
}

function chosenMac({ device, port, bridge }: Pick<Facts, 'device' | 'port' | 'bridge'>): string | undefined {
  if (port.is !== 'veth' || port.master !== bridge || device.is !== 'bridge') return undefined;
  return device.mac === port.mac ? port.mac : undefined;
}

/** MAC of `<bridge>a` when the pair is what it should be and so is not made again. */
export function keptMac({ port, netns }: Facts): string | undefined {
  if (netns.is !== 'present' || !isPair(port, netns.inside.device)) return undefined;
  return netns.inside.device?.mac;
}

function planInside(
  names: { readonly netns: string; readonly device: string },
  inside: InsideFacts | undefined,
  paired: boolean,
  mtu: number,
): Step[] {
  const steps: Step[] = [];
  const device = paired ? inside?.device : undefined;
  const sysctls = missingSysctls(names.device, inside, paired);
  if (sysctls.size > 0) steps.push({ do: 'write-sysctls', netns: names.netns, sysctls });
  if (!inside?.guarded) steps.push({ do: 'write-ruleset', ...names });
  if (!inside?.loUp) steps.push({ do: 'set-lo-up', netns: names.netns });
  if (device !== undefined && device.mtu !== mtu) steps.push({ do: 'set-device-mtu', ...names, mtu });
  if (!device?.up) steps.push({ do: 'set-device-up', ...names });
  if (!device?.hasAddress) steps.push({ do: 'add-address', ...names });
  // A device that goes down takes its routes with it.
  if (!device?.up || !inside?.hasRoute) steps.push({ do: 'add-route', ...names });
  return steps;
}

/**
 * What has to be written. A setting that an existing netns does not show is one that the kernel does not have. Switching
 * forwarding resets other settings, so all of them follow it.
 */
function missingSysctls(
  device: string,
  inside: InsideFacts | undefined,
  paired: boolean,
): ReadonlyMap<string, string> {
  const wanted = [...netnsSysctls(device)];
  if (inside === undefined) return new Map(wanted);
  const differs = ([path, value]: readonly [string, string]): boolean => {
    if (!paired && isDeviceSysctl(path, device)) return true;
    const present = inside.sysctls.get(path);
    return present !== undefined && present !== value;
  };
  const resets = wanted.some((one) => one[0] === FORWARDING && differs(one));
  return new Map(resets ? wanted : wanted.filter(differs));
}
