import { TproxyError } from '../../errors.ts';
import { bridgePort } from '../../model/names.ts';
import type { PortVlan } from '../../system/bridge.ts';
import type { Facts, Port } from '../facts/facts.ts';
import { isGuestPort } from '../guests.ts';
import type { Step } from './steps.ts';

type Bridge = Pick<Facts, 'bridge' | 'ports'>;

/** What the VLANs of guests say about the one of our port. */
export type GuestVlan =
  /** The bridge does not filter by VLANs, or no guest is in any yet. */
  | { readonly is: 'unknown' }
  /** All guests send and hear this one without a tag. */
  | { readonly is: 'one'; readonly id: number }
  /** Guests of several VLANs, or one without an untagged VLAN: a port of ours can't be in all of them. */
  | { readonly is: 'several'; readonly guests: readonly string[] };

/** The VLAN in which the guests of a bridge are. Further VLANs, which a guest tags itself, do not matter. */
export function guestVlan({ bridge, ports }: Bridge): GuestVlan {
  const members = ports.filter((port) => isGuestPort(port, bridge) && (port.vlans ?? []).length > 0);
  const ids = new Set(members.map(({ vlans }) => untaggedId(vlans)));
  const [id] = ids;
  if (ids.size === 0) return { is: 'unknown' };
  if (ids.size === 1 && id !== undefined) return { is: 'one', id };
  return { is: 'several', guests: members.map(inWords) };
}

export function untaggedId(vlans: readonly PortVlan[] | undefined): number | undefined {
  return vlans?.find(({ untagged }) => untagged)?.id;
}

function inWords({ name, vlans }: Port): string {
  const id = untaggedId(vlans);
  return id === undefined ? `${name} in no untagged VLAN` : `${name} in VLAN ${id}`;
}

/** Of `<bridge>b`; undefined: the bridge does not filter, or has no such port. */
export function vlansOfPort({ bridge, ports }: Bridge): readonly PortVlan[] | undefined {
  return ports.find(({ name }) => name === bridgePort(bridge))?.vlans;
}

/** Makes our port a member as the guests' ports are. `made`: it is made anew, and is in what its bridge gives every port. */
export function planVlans(facts: Facts, made: boolean): Step[] {
  const { bridge, device } = facts;
  if (device.is !== 'bridge' || device.info?.filtersVlans !== true) return [];
  const wanted = guestVlan(facts);
  if (wanted.is === 'several') {
    throw new TproxyError(
      `bridge ${bridge}: its guests are in different VLANs: ${wanted.guests.join(', ')}`,
      {
        remedy:
          'give each VLAN its own bridge: tproxy serves a bridge in one VLAN, which its guests have untagged',
      },
    );
  }
  const present = vlansOfPort(facts) ?? [];
  const before = untaggedId(present);
  const id = wanted.is === 'one' ? wanted.id : before;
  if (id === undefined || (!made && before === id)) return [];
  const leave = made ? [] : present.filter((vlan) => vlan.id !== id).map((vlan) => vlan.id);
  return [{ do: 'set-port-vlan', port: bridgePort(bridge), vlan: id, leave }];
}
