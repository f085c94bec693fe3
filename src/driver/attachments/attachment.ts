import { createHash } from 'node:crypto';
import { isBridgeName } from '../../model/names.ts';
import type { NetworkRef } from '../../model/service.ts';
import type { Moment } from '../../system/host.ts';
import type { Taps } from '../plan/plan-redirect.ts';

/** Who uses a bridge: a NIC of a VM, or an operator who ran `tproxy up --bridge …`. */
export type Owner =
  | {
      readonly is: 'vm';
      readonly vmId: string;
      readonly nicId: string /** Its port of the bridge. */;
      readonly tap: string;
    }
  | { readonly is: 'hand' };

/** One use of a bridge by a network, as recorded under `/run/one_tproxy/attachments/`. */
export interface Attachment {
  readonly owner: Owner;
  readonly bridge: string;
  readonly network: NetworkRef;
  /** Where two networks of a bridge want the same service port, the earlier attachment has it. */
  readonly since: Moment;
  /** When the last `up` for it ran. */
  readonly seen: Moment;
  /** Service ports that our `up` has put into the bridge's map. What else is in it came from somebody else. */
  readonly servicePorts: readonly number[];
}

/** A tap appears seconds after the `pre` hook; a record without one for this long is left from a hook that never ran. */
const TAP_APPEARS_WITHIN_S = 600;

/** Names the attachment, and is a file name. */
export function attachmentKey({ owner, bridge, network }: Attachment): string {
  if (owner.is === 'vm') return `vm-${encodeURIComponent(owner.vmId)}-${encodeURIComponent(owner.nicId)}`;
  const digest = createHash('sha256')
    .update(JSON.stringify([bridge, network.id, network.name]))
    .digest('hex');
  return `hand-${bridge}-${digest.slice(0, 12)}`;
}

/** True while the attachment keeps the plumbing of its bridge. `devices`: names of all devices of the host. */
export function isLiving({ owner, seen }: Attachment, devices: ReadonlySet<string>, now: Moment): boolean {
  if (owner.is === 'vm' && devices.has(owner.tap)) return true;
  if (seen.bootId !== now.bootId) return false;
  return owner.is === 'hand' || now.uptimeS - seen.uptimeS <= TAP_APPEARS_WITHIN_S;
}

export interface ByLife {
  readonly living: readonly Attachment[];
  /** Records of NICs that never came or have gone without a word. */
  readonly leftover: readonly Attachment[];
}

export function byLife(all: readonly Attachment[], devices: ReadonlySet<string>, now: Moment): ByLife {
  const lives = (attachment: Attachment): boolean => isLiving(attachment, devices, now);
  return { living: all.filter(lives), leftover: all.filter((attachment) => !lives(attachment)) };
}

/** Whose frames the nearest proxy shall get, on `bridge` and elsewhere. A tap's name comes from a template. */
export function tapsOn(bridge: string, living: readonly Attachment[]): Taps {
  const here: string[] = [];
  const elsewhere = new Set<string>();
  for (const attachment of living) {
    const { owner } = attachment;
    if (owner.is !== 'vm' || !isBridgeName(owner.tap)) continue;
    if (attachment.bridge === bridge) here.push(owner.tap);
    else elsewhere.add(owner.tap);
  }
  return { here: [...new Set(here)].sort(), elsewhere };
}

/** The earliest first; a stable order also for attachments of the same instant. */
export function byAge(a: Attachment, b: Attachment): number {
  return (
    a.since.uptimeS - b.since.uptimeS ||
    attachmentKey(a).localeCompare(attachmentKey(b), 'en', { numeric: true })
  );
}
