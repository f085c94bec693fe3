import { bridgePort } from '../model/names.ts';
import type { Attachment } from './attachments/attachment.ts';
import type { Facts, Port } from './facts/facts.ts';

/**
 * Devices that lead out of the host or hold a bridge up: no guest is behind such a port. Physical ones have no kind at all.
 * `dummy` holds the bridge of an OpenNebula evaluation (minione) up.
 */
const PLUMBING_KINDS = new Set<string | undefined>([
  ...[undefined, 'vlan', 'bond', 'team', 'macvlan', 'macsec', 'dummy', 'ifb', 'hsr', 'netdevsim'],
  ...['vxlan', 'geneve', 'gretap', 'ip6gretap', 'erspan', 'ip6erspan', 'batadv', 'bareudp'],
]);
/** What hypervisors make for a guest. */
const GUEST_KINDS = new Set<string | undefined>(['tun', 'macvtap', 'ipvtap']);
/** What OpenNebula calls the host side of a NIC, whatever its kind, and libvirt where nobody named it. */
const TAP = /^one-\d+-\d+$/;
const GUEST_NAME = /^(?:one-\d+-\d+|vnet\d+)$/;

/** `maybe`: a guest may be behind it, as behind the veth of a container, or an uplink. */
type Role = 'guest' | 'maybe' | 'none';

/** The one place that tells guests' ports from others, by what they are alone. */
function roleOf({ name, kind }: Pick<Port, 'name' | 'kind'>, bridge: string): Role {
  if (name === bridgePort(bridge)) return 'none';
  if (GUEST_NAME.test(name) || GUEST_KINDS.has(kind)) return 'guest';
  return PLUMBING_KINDS.has(kind) ? 'none' : 'maybe';
}

/** Surely a guest's. */
export function isGuestPort(port: Pick<Port, 'name' | 'kind'>, bridge: string): boolean {
  return roleOf(port, bridge) === 'guest';
}

export interface BridgeUse {
  /** Ports of the bridge with a guest behind them. */
  readonly guestPorts: readonly string[];
  /** VMs among them that no living record speaks for, such as those that stock drivers deployed. */
  readonly unrecorded: readonly string[];
}

/** What the caller knows about ports that their names and kinds don't tell. */
export interface KnownPorts {
  /** PHYDEV and VLAN device. */
  readonly uplinks: readonly string[];
  /** Taps of NICs that are being removed, which may or may not be there still. */
  readonly leaving: readonly string[];
  /** A stock driver, which knows the uplinks, has seen that no guest is left: what may be one or not is none. */
  readonly lastGuest?: boolean;
}

/**
 * Who is on a bridge, judged from its ports. In doubt a port is a guest's: nothing is taken from one that lives. Taps that are
 * recorded are guests' whatever they are called.
 */
export function bridgeUse(
  facts: Pick<Facts, 'bridge' | 'ports'>,
  living: readonly Attachment[],
  { uplinks, leaving, lastGuest = false }: KnownPorts,
): BridgeUse {
  const none = new Set([...uplinks, ...leaving]);
  const recorded = new Set(living.flatMap(({ owner }) => (owner.is === 'vm' ? [owner.tap] : [])));
  const isGuest = (port: Port): boolean => {
    if (none.has(port.name)) return false;
    const role = roleOf(port, facts.bridge);
    return role === 'guest' || recorded.has(port.name) || (role === 'maybe' && !lastGuest);
  };
  const guestPorts = facts.ports.filter(isGuest).map(({ name }) => name);
  return { guestPorts, unrecorded: guestPorts.filter((name) => TAP.test(name) && !recorded.has(name)) };
}
