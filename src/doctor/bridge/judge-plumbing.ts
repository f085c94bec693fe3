import { type Facts, type InsideFacts, isPair } from '../../driver/facts/facts.ts';
import { isOurPort, whatItIs } from '../../driver/plan/owner.ts';
import { netnsSysctls } from '../../driver/rules/netns-sysctls.ts';
import { bridgePort, netnsDevice, netnsName, SERVICE_ADDRESS } from '../../model/names.ts';
import type { NetnsState } from '../../system/host.ts';
import { type Finding, failed, ok, warning } from '../check.ts';
import { APPLY } from '../remedies.ts';

/** `<bridge>b` and that its other end is `<bridge>a` in the netns. `mtu`: what the pair should have. */
export function judgeVeth(
  facts: Pick<Facts, 'bridge' | 'port' | 'netns' | 'nft'>,
  mtu: number,
  portMac: string,
): Finding {
  const { bridge, port, netns } = facts;
  const name = bridgePort(bridge);
  if (port.is === 'missing') return failed(`there is no ${name}`, APPLY);
  if (port.is === 'stranger' || !isOurPort(facts, portMac)) {
    return failed(
      `${name} is ${whatItIs(facts)}, not ours`,
      'rename or delete that device, then run tproxy apply',
    );
  }
  if (port.master !== bridge) {
    const where = port.master === undefined ? 'no port of any bridge' : `a port of ${port.master}`;
    return failed(`${name} is ${where}, not of ${bridge}`, APPLY);
  }
  if (!port.up) return failed(`${name} is down`, APPLY);
  const device = netns.is === 'present' ? netns.inside.device : undefined;
  if (netns.is === 'present' && !isPair(port, netns.inside.device)) {
    return failed(`the other end of ${name} is not ${netnsDevice(bridge)} in ${netnsName(bridge)}`, APPLY);
  }
  const sizes = [port.mtu, ...(device === undefined ? [] : [device.mtu])];
  if (sizes.some((size) => size !== mtu)) {
    return warning(`MTU ${sizes.join(' and ')} where the other ports of ${bridge} have ${mtu}`, APPLY);
  }
  return ok(`port of ${bridge}, up, MTU ${port.mtu}`);
}

export function judgeNetns(bridge: string, state: NetnsState): Finding {
  const name = netnsName(bridge);
  if (state === 'present') return ok(name);
  if (state === 'missing') return failed(`there is no network namespace ${name}`, APPLY);
  return failed(`/run/netns/${name} is a file with no namespace behind it`, APPLY);
}

/** Address, route and devices inside the netns. */
export function judgeInside(bridge: string, inside: InsideFacts): Finding {
  const name = netnsDevice(bridge);
  const { device } = inside;
  if (device === undefined) return failed(`there is no ${name} in it`, APPLY);
  if (!device.up) return failed(`${name} is down`, APPLY);
  if (!device.hasAddress) return failed(`${name} does not have ${SERVICE_ADDRESS}/32`, APPLY);
  if (!inside.hasRoute) return failed(`there is no default route to ${name}: guests get no answer`, APPLY);
  const mac = device.mac === undefined ? '' : `, MAC ${device.mac}`;
  if (!inside.loUp)
    return ok(`${SERVICE_ADDRESS}/32 on ${name}${mac}; lo is down, as the stock drivers leave it`);
  return ok(`${SERVICE_ADDRESS}/32 on ${name}, default route${mac}`);
}

/** Settings of the netns against what `tproxy up` gives one. */
export function judgeSysctls(bridge: string, inside: InsideFacts): Finding {
  const wanted = netnsSysctls(netnsDevice(bridge));
  const wrong = [...wanted].filter(([path, value]) => {
    const present = inside.sysctls.get(path);
    return present !== undefined && present !== value;
  });
  if (wrong.length === 0) return ok(`${wanted.size} settings`);
  const shown = wrong
    .slice(0, 3)
    .map(([path, value]) => `${path} is ${inside.sysctls.get(path)}, should be ${value}`);
  const more = wrong.length > shown.length ? ` and ${wrong.length - shown.length} more` : '';
  return warning(`${shown.join(', ')}${more}`, `${APPLY}; the stock drivers do not set them`);
}

/** The nft ruleset of the netns, which makes it a dead end. */
export function judgeRuleset({ guarded }: InsideFacts): Finding {
  if (guarded) return ok('in force');
  return warning(
    'its nft ruleset is missing or not what it should be',
    `${APPLY}; the stock drivers make none`,
  );
}
