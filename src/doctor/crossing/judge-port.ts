import type { Port } from '../../driver/facts/facts.ts';
import { forwarding } from '../../driver/forwarding.ts';
import { guestVlan, untaggedId } from '../../driver/plan/plan-vlans.ts';
import { bridgePort } from '../../model/names.ts';
import type { Link } from '../../system/ip-json.ts';
import { type Finding, failed, ok, warning } from '../check.ts';
import { APPLY } from '../remedies.ts';

/** The VLAN of `<bridge>b` against the one of the guests. `ports`: with VLANs where the bridge filters by them. */
export function judgeVlan(bridge: string, ports: readonly Port[]): Finding {
  const name = bridgePort(bridge);
  const port = ports.find((one) => one.name === name);
  if (port?.vlans === undefined) return ok(`${bridge} does not filter by VLANs`);
  const own = untaggedId(port.vlans);
  const where = own === undefined ? 'no untagged VLAN' : `VLAN ${own}`;
  const guests = guestVlan({ bridge, ports });
  switch (guests.is) {
    case 'several':
      return failed(
        `guests are in several VLANs: ${guests.guests.join(', ')}; ${name} is in ${where}`,
        'a bridge is served in one VLAN, which its guests have untagged: give each VLAN a bridge of its own',
      );
    case 'one':
      if (own === guests.id) return ok(`VLAN ${own}, as the guests`);
      return failed(`${name} is in ${where}, its guests are in VLAN ${guests.id}`, APPLY);
    case 'unknown':
      if (own !== undefined) return ok(`${where}, and no guest is in another one`);
      return warning(
        `${name} is in no untagged VLAN, nor is any guest yet`,
        `once guests are in theirs, ${APPLY}`,
      );
  }
}

/** Whether the bridge forwards frames to and from its port by now. */
export function judgeForwarding(bridge: string, links: readonly Link[]): Finding {
  const find = (name: string) => links.find((link) => link.name === name);
  const name = bridgePort(bridge);
  const seen = forwarding(find(name)?.bridgePort, find(bridge)?.bridge);
  switch (seen.is) {
    case 'now':
      return ok('yes');
    case 'soon':
      return warning(
        `${name} forwards in ${Math.ceil(seen.inS)} s: ${bridge} runs a spanning tree`,
        `wait; where ${bridge} can't be part of a loop: ip link set ${bridge} type bridge stp_state 0`,
      );
    case 'closed':
      if (seen.state === 'disabled') return failed(`${name} has no carrier`, APPLY);
      return failed(
        `the spanning tree of ${bridge} keeps ${name} ${seen.state}`,
        `see what it takes for a loop: bridge -d link show dev ${name}`,
      );
  }
}

/** The address of a bridge that it has from our port changes when that goes. `fixed`: somebody has given the bridge its own. */
export function judgeAddress(bridge: string, links: readonly Link[], fixed: boolean): Finding {
  const find = (name: string) => links.find((link) => link.name === name);
  const mac = find(bridge)?.mac ?? 'none';
  const port = find(bridgePort(bridge));
  if (fixed) return ok(`${mac}, set by hand`);
  const others = links.filter(({ master, name }) => master === bridge && name !== port?.name);
  if (port?.mac !== mac || others.length === 0) return ok(mac);
  return warning(
    `${bridge} has taken the MAC of ${port.name}, as a stock driver made it: its address changes when the last VM goes, and neighbours of this host lose it for up to a minute`,
    `if the host has an address on ${bridge}, keep its MAC: ip link set dev ${bridge} address ${mac}`,
  );
}
