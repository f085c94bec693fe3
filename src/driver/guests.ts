import { bridgePort } from '../model/names.ts';
import type { Attachment } from './attachments/attachment.ts';
import type { Facts } from './facts/facts.ts';

/** Devices that lead out of the host: no guest is behind such a port. Physical ones have no kind at all. */
const UPLINK_KINDS = new Set<string | undefined>([
  undefined,
  'vlan',
  'vxlan',
  'bond',
  'team',
  'geneve',
  'gretap',
  'ip6gretap',
]);
/** What OpenNebula calls the host side of a NIC. */
const TAP = /^one-\d+-\d+$/;

export interface BridgeUse {
  /** Ports of the bridge with a guest behind them. */
  readonly guestPorts: readonly string[];
  /** VMs among them that no living record speaks for, such as those that stock drivers deployed. */
  readonly unrecorded: readonly string[];
}

/**
 * Who is on a bridge, judged from its ports less our own, the uplinks (PHYDEV, VLAN device), and the taps of NICs that are
 * being removed, which may or may not be there still.
 */
export function bridgeUse(
  facts: Pick<Facts, 'bridge' | 'ports'>,
  living: readonly Attachment[],
  without: { readonly uplinks: readonly string[]; readonly leaving: readonly string[] },
): BridgeUse {
  const none = new Set([bridgePort(facts.bridge), ...without.uplinks, ...without.leaving]);
  const guestPorts = facts.ports
    .filter(({ name, kind }) => !none.has(name) && !UPLINK_KINDS.has(kind))
    .map(({ name }) => name);
  const recorded = new Set(living.flatMap(({ owner }) => (owner.is === 'vm' ? [owner.tap] : [])));
  return { guestPorts, unrecorded: guestPorts.filter((name) => TAP.test(name) && !recorded.has(name)) };
}
