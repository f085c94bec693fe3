import type { NetworkRef, Service } from '../model/service.ts';
import type { Attachment, Owner } from './attachments/attachment.ts';
import type { DriverDeps, Reporter } from './deps.ts';
import { look } from './look.ts';
import { type Leaving, type Released, release } from './release.ts';

export interface DetachRequest extends Leaving {
  readonly owner: Owner;
  readonly network: NetworkRef;
}

/**
 * Ends an attachment. Its record goes first: the guest is gone, whatever becomes of the rest. Resolves with what became of
 * its bridge. Acts in the root namespace.
 */
export async function detach(
  request: DetachRequest,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<Released> {
  return deps.withLock(async () => {
    const view = await look(deps);
    const ended = [...view.living, ...view.leftover].filter((attachment) => isOf(attachment, request));
    // Without any guest on the bridge, records of VMs without a tap are of VMs that have gone.
    const tapless =
      request.lastGuest === true ? view.living.filter((one) => hasNoTap(one, view.devices)) : [];
    const here = [...view.leftover, ...tapless].filter(({ bridge }) => bridge === request.bridge);
    const gone = new Set([...ended, ...here]);
    if (request.owner.is === 'hand' && ended.length === 0) warnOfOthers(request, view.living, deps.report);
    for (const attachment of gone) await deps.attachments.remove(attachment);
    const living = view.living.filter((attachment) => !gone.has(attachment));

    // A NIC whose network was moved to another bridge meanwhile is still recorded on the old one.
    const elsewhere = new Set(
      ended.map(({ bridge }) => bridge).filter((bridge) => bridge !== request.bridge),
    );
    for (const bridge of elsewhere)
      await release({ ...request, bridge, lastGuest: false }, living, services, deps);
    return release(request, living, services, deps);
  });
}

function hasNoTap({ owner }: Attachment, devices: ReadonlySet<string>): boolean {
  return owner.is === 'vm' && !devices.has(owner.tap);
}

/** Whoever was attached by hand stays until somebody names its network as it was named then. */
function warnOfOthers({ bridge }: DetachRequest, living: readonly Attachment[], report: Reporter): void {
  const others = living.filter((one) => one.owner.is === 'hand' && one.bridge === bridge);
  if (others.length === 0) return;
  const options = others.map(({ network }) => optionFor(network)).join(', ');
  report.warning(`bridge ${bridge}: attached by hand are others: ${options}; name one of them`);
}

function optionFor({ name, id }: NetworkRef): string {
  if (name !== undefined) return `--network ${JSON.stringify(name)}`;
  return id === undefined ? 'without a network' : `--network-id ${JSON.stringify(id)}`;
}

/** By hand, either the name or the id of the network is enough; with neither it is the one that was attached with neither. */
function isOf({ owner, bridge, network }: Attachment, request: DetachRequest): boolean {
  if (owner.is === 'vm') {
    const { owner: other } = request;
    return other.is === 'vm' && owner.vmId === other.vmId && owner.nicId === other.nicId;
  }
  if (request.owner.is === 'vm' || bridge !== request.bridge) return false;
  const { name, id } = request.network;
  if (name === undefined && id === undefined) return network.name === undefined && network.id === undefined;
  return (id !== undefined && id === network.id) || (name !== undefined && name === network.name);
}
