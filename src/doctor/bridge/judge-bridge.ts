import type { Attachment, ByLife } from '../../driver/attachments/attachment.ts';
import type { Facts } from '../../driver/facts/facts.ts';
import { bridgeUse } from '../../driver/guests.ts';
import type { Link } from '../../system/ip-json.ts';
import { counted } from '../../words.ts';
import { type Finding, failed, ok, warning } from '../check.ts';
import { APPLY } from '../remedies.ts';

export function judgeBridge(bridge: string, links: readonly Link[]): Finding {
  const link = links.find(({ name }) => name === bridge);
  if (link === undefined) {
    return failed(
      `there is no device ${bridge}`,
      `clear up what is left of it: ${APPLY}, or deploy a VM on its network`,
    );
  }
  if (link.kind !== 'bridge') {
    const kind = link.kind ?? 'physical';
    return failed(
      `${bridge} is a device of kind ${kind}`,
      'only Linux bridges can be served: use a network driver that makes one',
    );
  }
  if (!link.up) return failed(`${bridge} is down`, `ip link set ${bridge} up`);
  const ports = links.filter(({ master }) => master === bridge).length;
  return ok(`up, MTU ${link.mtu}, ${counted(ports, 'port')}`);
}

export interface GuestsSeen extends ByLife {
  /** Messages about records that can't be read; of all bridges. */
  readonly damaged: readonly string[];
}

/** Attachments against guests that are there. */
export function judgeGuests(facts: Pick<Facts, 'bridge' | 'ports'>, seen: GuestsSeen): Finding {
  const [damage] = seen.damaged;
  if (damage !== undefined) {
    return warning(damage, `${APPLY} sets it aside; deploy the VM it was about once more`);
  }
  if (seen.leftover.length > 0) {
    return warning(`records of NICs that are gone: ${seen.leftover.map(ownerOf).join(', ')}`, APPLY);
  }
  const { guestPorts, unrecorded } = bridgeUse(facts, seen.living, { uplinks: [], leaving: [] });
  const absent = seen.living.filter(({ owner }) => owner.is === 'vm' && !guestPorts.includes(owner.tap));
  if (absent.length > 0) {
    return warning(
      `recorded, but no port of the bridge: ${absent.map(ownerOf).join(', ')}`,
      `wait until the VM has started; else see where its NIC is: ip link show master ${facts.bridge}`,
    );
  }
  const parts = [counted(guestPorts.length, 'guest port')];
  if (unrecorded.length > 0) parts.push(`deployed by another driver: ${unrecorded.join(', ')}`);
  const hands = seen.living.filter(({ owner }) => owner.is === 'hand').length;
  if (hands > 0) parts.push(`${hands} attached by hand`);
  return ok(parts.join(', '));
}

function ownerOf({ owner, network }: Attachment): string {
  return owner.is === 'vm' ? owner.tap : `by hand, network ${network.name ?? network.id ?? 'without a name'}`;
}
