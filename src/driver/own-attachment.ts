import type { NetworkRef, Service } from '../model/service.ts';
import { type Attachment, attachmentKey, type Owner } from './attachments/attachment.ts';
import type { DriverDeps } from './deps.ts';
import type { View } from './look.ts';
import { release } from './release.ts';

export interface AttachRequest {
  readonly owner: Owner;
  readonly bridge: string;
  readonly network: NetworkRef;
  /** Ports of the bridge that lead out of the host: PHYDEV and VLAN device. */
  readonly uplinks: readonly string[];
  /** The guest comes even when this fails, so `apply` shall find it. */
  readonly staysOnRecord?: boolean;
}

/** The attachment to record, and the one that is recorded now. A repeated `up` does not lose its place in the queue. */
export function ownAttachment(
  { owner, bridge, network }: AttachRequest,
  { now, living, leftover }: View,
): { own: Attachment; previous: Attachment | undefined } {
  const own = { owner, bridge, network, since: now, seen: now, servicePorts: [] };
  const key = attachmentKey(own);
  const previous = [...living, ...leftover].find((attachment) => attachmentKey(attachment) === key);
  const stays = previous?.bridge === bridge && previous.since.bootId === now.bootId;
  return { own: stays ? { ...own, since: previous.since } : own, previous };
}

/** Leftover records of this bridge, and the bridge that this NIC was on before its network was moved to another one. */
export async function clearUp(
  { owner, bridge, uplinks }: AttachRequest,
  previous: Attachment | undefined,
  view: View,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<void> {
  for (const attachment of view.leftover) {
    if (attachment.bridge === bridge && attachment !== previous) await deps.attachments.remove(attachment);
  }
  if (previous === undefined || previous.bridge === bridge) return;
  const living = view.living.filter((attachment) => attachment !== previous);
  const taps = owner.is === 'vm' ? [owner.tap] : [];
  await release({ bridge: previous.bridge, taps, uplinks }, living, services, deps);
}
