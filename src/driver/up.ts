import type { Endpoint } from '../model/endpoint.ts';
import { netnsName } from '../model/names.ts';
import { type Selection, type Service, selectServices } from '../model/service.ts';
import { tapsOn } from './attachments/attachment.ts';
import { wantedServices } from './decide.ts';
import type { DriverDeps, Reporter } from './deps.ts';
import { withUnknownMarked } from './endpoints.ts';
import type { BridgeDevice, Facts } from './facts/facts.ts';
import { glanceAtBridge, observeBridge } from './facts/observe.ts';
import { type Forwarding, untilForwarding } from './forwarding.ts';
import { bridgeUse } from './guests.ts';
import { look, type View } from './look.ts';
import { type AttachRequest, clearUp, ownAttachment } from './own-attachment.ts';
import type { Taps } from './plan/plan-redirect.ts';
import { repairLost } from './repair.ts';
import { desiredEndpoints, giveBack, settle, warnOfMissingLimit } from './settle.ts';

export type Attached =
  /** There is no Linux bridge of that name. */
  | { readonly is: 'passed-over'; readonly why: string }
  /** No network on the bridge has any service. */
  | { readonly is: 'idle' }
  /** Nobody can tell what it should have, so the bridge keeps what is mapped. */
  | { readonly is: 'as-mapped'; readonly servicePorts: readonly number[] }
  | {
      readonly is: 'ready';
      readonly servicePorts: readonly number[];
      readonly changed: boolean;
      /** Guests get there later than this: their bridge does not forward to our port yet. Undefined: now. */
      readonly notYet?: Exclude<Forwarding, { is: 'now' }>;
    };

/**
 * Gives a bridge what its attached networks, this one among them, should have. When it resolves with `ready`, the service
 * ports answer. When it rejects, the host is as it was before. `services` undefined: the configuration is unreadable.
 * Acts in the root namespace.
 */
export async function attach(
  request: AttachRequest,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<Attached> {
  // A name server may take seconds: not while others wait for the lock.
  const own = selectServices(services ?? [], request.network);
  await deps.addresses.learn([...own.services, ...own.shadowed.map(({ service }) => service)]);
  const attached = await deps.withLock(() => attachLocked(request, services, deps));
  if (attached.is !== 'ready') return attached;
  await warnOfMissingLimit(deps);
  return whenForwarding(attached, request.bridge, deps);
}

/** With a spanning tree it takes half a minute: not while others wait for the lock. */
async function whenForwarding(attached: Ready, bridge: string, { run }: DriverDeps): Promise<Attached> {
  if (!attached.stp) return ready(attached);
  const seen = await untilForwarding(run, bridge);
  return seen.is === 'now' ? ready(attached) : { ...ready(attached), notYet: seen };
}

function ready({ is, servicePorts, changed }: Ready): Extract<Attached, { is: 'ready' }> {
  return { is, servicePorts, changed };
}

/** `stp`: the bridge runs a spanning tree, so a port is not at work at once. */
type Ready = Extract<Attached, { is: 'ready' }> & { readonly stp: boolean };
type AttachedLocked = Exclude<Attached, { is: 'ready' }> | Ready;

async function attachLocked(
  request: AttachRequest,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<AttachedLocked> {
  const { bridge } = request;
  const observed = observe(bridge, deps);
  const [view] = await Promise.all([look(deps), observed.catch(() => undefined)]);
  const facts = await observed
    .then((found) => withOthers(view, found, services, deps))
    .catch(async (error: unknown) => {
      if (request.staysOnRecord === true) await recordBlindly(request, view, deps);
      throw error;
    });
  if (facts.device.is !== 'bridge') return { is: 'passed-over', why: whyNot(facts.device) };

  const { previous, own } = ownAttachment(request, view);
  const others = view.living.filter((other) => other.bridge === bridge && other !== previous);
  const living = [...others, own];
  const use = bridgeUse(facts, living, { uplinks: request.uplinks, leaving: [] });
  const owned = new Set([...others, ...(previous ? [previous] : [])].flatMap((one) => one.servicePorts));
  const mapped = facts.nft.endpoints ?? [];
  const networks = living.map(({ network }) => network);
  const marked = services && (await withUnknownMarked(services, networks, mapped, deps.addresses));
  if (marked !== undefined) tellShadowed(selectServices(marked, request.network), deps.report);
  const wanted = marked && wantedServices({ facts, living, use }, marked, owned);
  const endpoints = wanted === undefined ? mapped : await desiredEndpoints(wanted, facts, deps);

  const ours = endpoints.filter(({ servicePort }) =>
    wanted === undefined ? owned.has(servicePort) : !isIn(wanted.foreign, servicePort),
  );
  await deps.attachments.put({ ...own, servicePorts: ours.map(({ servicePort }) => servicePort) });
  const everywhere = [...view.living.filter((other) => other !== previous), own];
  // Unreadable is not empty: what there is of plumbing without endpoints stays as well.
  const untouched = services === undefined && mapped.length === 0;
  const attached = await (untouched
    ? Promise.resolve({ is: 'idle' } as const)
    : bringUp(facts, endpoints, tapsOn(bridge, everywhere), deps)
  ).catch(async (error: unknown) => {
    if (request.staysOnRecord !== true) {
      await (previous === undefined ? deps.attachments.remove(own) : deps.attachments.put(previous));
    }
    throw error;
  });
  await clearUp(request, previous, view, services, deps);
  if (services !== undefined) return attached;
  return { is: 'as-mapped', servicePorts: mapped.map(({ servicePort }) => servicePort) };
}

function tellShadowed({ shadowed }: Selection, report: Reporter): void {
  for (const { service, by } of shadowed) {
    const { line, servicePort, remoteAddr } = service;
    if (service.unknown === true && by.unknown !== true) {
      report.error(
        `service port ${servicePort}: line ${by.line} stands in for line ${line}: no host ${remoteAddr}`,
      );
    } else
      report.warning(
        `line ${line}: ignored, because line ${by.line} has service port ${servicePort} already`,
      );
  }
}

/** What is on the bridge can't be seen, but the guest comes. */
async function recordBlindly(request: AttachRequest, view: View, { attachments }: DriverDeps): Promise<void> {
  const { own, previous } = ownAttachment(request, view);
  await attachments.put({ ...own, servicePorts: previous?.servicePorts ?? [] });
}

/**
 * Where what bridges share is gone, as after a flush of nft, it comes back with what every other bridge with guests needs
 * in it: a set of ports that holds this bridge alone would have the guard drop what comes from the others.
 */
async function withOthers(
  view: View,
  facts: Facts,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<Facts> {
  const { bridge, device, nft } = facts;
  const lost = nft.portSet.state === 'missing' || nft.ipTable === 'missing';
  if (!lost || device.is !== 'bridge' || view.living.every((other) => other.bridge === bridge)) return facts;
  return (await repairLost(view, services, deps, bridge)) ? observe(bridge, deps) : facts;
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

async function bringUp(
  facts: Facts,
  endpoints: readonly Endpoint[],
  taps: Taps,
  deps: DriverDeps,
): Promise<AttachedLocked> {
  const steps = await settle(facts, endpoints, taps, deps);
  if (endpoints.length === 0 && steps.length === 0) return { is: 'idle' };
  const asBefore = steps.length === 0 && (await deps.daemons.serves(facts.bridge, endpoints));
  if (!asBefore) {
    await deps.daemons.sync(facts.bridge).catch((error) => giveBack(facts.bridge, steps, error, deps));
  }
  if (endpoints.length === 0) return { is: 'idle' };
  return {
    is: 'ready',
    servicePorts: endpoints.map(({ servicePort }) => servicePort),
    changed: steps.length > 0,
    stp: facts.device.is === 'bridge' && facts.device.info?.stpDelayS !== undefined,
  };
}

function isIn(endpoints: readonly Endpoint[], port: number): boolean {
  return endpoints.some(({ servicePort }) => servicePort === port);
}
