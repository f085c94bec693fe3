import type { Endpoint } from '../model/endpoint.ts';
import { netnsName } from '../model/names.ts';
import { type NetworkRef, type Service, selectServices } from '../model/service.ts';
import { type Attachment, attachmentKey, type Owner, tapsOn } from './attachment.ts';
import type { DriverDeps } from './deps.ts';
import type { BridgeDevice, Facts } from './facts.ts';
import { bridgeUse } from './guests.ts';
import { look, type View } from './look.ts';
import { glanceAtBridge, observeBridge } from './observe.ts';
import type { Taps } from './plan-redirect.ts';
import { release } from './release.ts';
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
  const [view, facts] = await Promise.all([look(deps), observe(bridge, deps)]);
  if (facts.device.is !== 'bridge') return { is: 'passed-over', why: whyNot(facts.device) };

  const { previous, own } = ownAttachment(request, view);
  const others = view.living.filter((other) => other.bridge === bridge && other !== previous);
  const living = [...others, own];
  const use = bridgeUse(facts, living, { uplinks: request.uplinks, leaving: [] });
  const owned = new Set([...others, ...(previous ? [previous] : [])].flatMap((one) => one.servicePorts));
  const wanted = wantedServices({ facts, living, use }, services, owned);
  const endpoints = await desiredEndpoints(wanted, facts, deps);

  const ours = endpoints.filter((endpoint) => !wanted.foreign.includes(endpoint));
  await deps.attachments.put({ ...own, servicePorts: ours.map(({ servicePort }) => servicePort) });
  const everywhere = [...view.living.filter((other) => other !== previous), own];
  const attached = await bringUp(facts, endpoints, tapsOn(bridge, everywhere), deps).catch(
    async (error: unknown) => {
      await (previous === undefined ? deps.attachments.remove(own) : deps.attachments.put(previous));
      throw error;
    },
  );
  await clearUp(request, previous, view, services, deps);
  return attached;
}

/** From here on, reading whole nft tables takes longer than starting a process per object (docs/decisions/0006). */
const MANY_NETNS = 128;

/** With a netns there is most likely nothing to do, which a glance can tell. */
async function observe(bridge: string, { run, host }: DriverDeps): Promise<Facts> {
  const names = await host.netnsNames();
  const glance = names.length >= MANY_NETNS && names.includes(netnsName(bridge));
  return glance ? glanceAtBridge(run, host, bridge) : observeBridge(run, host, bridge);
}

function whyNot(device: Exclude<BridgeDevice, { is: 'bridge' }>): string {
  return device.is === 'missing' ? 'there is no such bridge' : `it is no Linux bridge but ${device.kind}`;
}

/** The attachment to record, and the one that is recorded now. A repeated `up` does not lose its place in the queue. */
function ownAttachment(
  { owner, bridge, network }: AttachRequest,
  { now, living, leftover }: View,
): { own: Attachment; previous: Attachment | undefined } {
  const own = { owner, bridge, network, since: now, seen: now, servicePorts: [] };
  const key = attachmentKey(own);
  const previous = [...living, ...leftover].find((attachment) => attachmentKey(attachment) === key);
  const stays = previous?.bridge === bridge && previous.since.bootId === now.bootId;
  return { own: stays ? { ...own, since: previous.since } : own, previous };
}

async function bringUp(
  facts: Facts,
  endpoints: readonly Endpoint[],
  taps: Taps,
  deps: DriverDeps,
): Promise<Attached> {
  const steps = await settle(facts, endpoints, taps, deps);
  if (endpoints.length === 0 && steps.length === 0) return { is: 'idle' };
  await deps.daemons.sync(facts.bridge).catch((error) => giveBack(facts.bridge, steps, error, deps));
  if (endpoints.length === 0) return { is: 'idle' };
  return {
    is: 'ready',
    servicePorts: endpoints.map(({ servicePort }) => servicePort),
    changed: steps.length > 0,
  };
}

/** Leftover records of this bridge, and the bridge that this NIC was on before its network was moved to another one. */
async function clearUp(
  { owner, bridge, uplinks }: AttachRequest,
  previous: Attachment | undefined,
  view: View,
  services: readonly Service[],
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
