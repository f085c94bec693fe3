import { type NetworkRef, type Service, selectServices } from '../model/service.ts';
import { type Attachment, attachmentKey, type Owner } from './attachment.ts';
import type { DriverDeps } from './deps.ts';
import { release } from './down.ts';
import type { BridgeDevice, Facts } from './facts.ts';
import { bridgeUse } from './guests.ts';
import { look, type View } from './look.ts';
import { nftFacts } from './nft-facts.ts';
import { observeDevices } from './observe.ts';
import { desiredEndpoints, giveBack, settle } from './settle.ts';
import { wantedServices } from './wanted.ts';

export interface AttachRequest {
  readonly owner: Owner;
  readonly bridge: string;
  readonly network: NetworkRef;
  /** Ports of the bridge that lead out of the host: PHYDEV and VLAN device. */
  readonly uplinks: readonly string[];
}

export type Attached =
  /** There is no Linux bridge of that name. */
  | { readonly is: 'passed-over'; readonly why: string }
  /** No network on the bridge has any service. */
  | { readonly is: 'idle' }
  | { readonly is: 'ready'; readonly servicePorts: readonly number[]; readonly changed: boolean };

/**
 * Gives a bridge what its attached networks, this one among them, should have. When it resolves with `ready`, the service
 * ports answer. When it rejects, the host is as it was before. Acts in the root namespace.
 */
export async function attach(
  request: AttachRequest,
  services: readonly Service[],
  deps: DriverDeps,
): Promise<Attached> {
  const own = selectServices(services, request.network);
  for (const { service, by } of own.shadowed) {
    deps.report.warning(
      `line ${service.line}: ignored, because line ${by.line} has service port ${service.servicePort} already`,
    );
  }
  // A name server may take seconds: not while others wait for the lock.
  await deps.resolve(own.services);
  return deps.withLock(() => attachLocked(request, services, deps));
}

async function attachLocked(
  request: AttachRequest,
  services: readonly Service[],
  deps: DriverDeps,
): Promise<Attached> {
  const { bridge } = request;
  const [view, devices] = await Promise.all([look(deps), observeDevices(deps.run, deps.host, bridge)]);
  const facts = { ...devices, nft: nftFacts(view.tables, bridge) };
  if (facts.device.is !== 'bridge') return { is: 'passed-over', why: whyNot(facts.device) };

  const { previous, fresh } = attachmentOf(request, view);
  const others = view.living.filter((other) => other.bridge === bridge && other !== previous);
  const living = [...others, fresh];
  const use = bridgeUse(facts, living, { uplinks: request.uplinks, leaving: [] });
  const owned = new Set([...others, ...(previous ? [previous] : [])].flatMap((one) => one.servicePorts));
  const wanted = wantedServices({ facts, living, use }, services, owned);
  const endpoints = await desiredEndpoints(wanted, facts, deps);

  const ours = endpoints.filter((endpoint) => !wanted.foreign.includes(endpoint));
  await deps.attachments.put({ ...fresh, servicePorts: ours.map(({ servicePort }) => servicePort) });
  try {
    const attached = await bringTo(facts, endpoints, deps);
    await forget(view, previous, bridge, services, deps);
    return attached;
  } catch (error) {
    await (previous === undefined ? deps.attachments.remove(fresh) : deps.attachments.put(previous));
    throw error;
  }
}
