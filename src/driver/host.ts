import { messageOf, TproxyError } from '../errors.ts';
import { type Endpoint, hasEndpoint } from '../model/endpoint.ts';
import type { Service } from '../model/service.ts';
import { readTables } from '../system/nft.ts';
import { type Attachment, tapsOn } from './attachments/attachment.ts';
import { type Decision, decideAnyTime } from './decide.ts';
import type { DriverDeps } from './deps.ts';
import { withUnknownMarked } from './endpoints.ts';
import type { Facts } from './facts/facts.ts';
import { observeBridge } from './facts/observe.ts';
import { look, type View } from './look.ts';
import type { Taps } from './plan/plan-redirect.ts';
import type { Step } from './plan/steps.ts';
import { desiredEndpoints, planSettling, settle } from './settle.ts';
import { tracedBridges } from './traced-bridges.ts';

/** What is done, or would be done, to one bridge. */
export interface BridgeOutcome {
  readonly bridge: string;
  readonly decision: Decision['is'] | 'failed';
  /** Why it is removed, left or failed. */
  readonly why?: string;
  readonly steps: readonly Step[];
  /** The endpoints it ends up with. */
  readonly endpoints: readonly Endpoint[];
}

/**
 * The steps that would bring every bridge of this host to what configuration and recorded attachments ask for. Changes
 * nothing: `deps.attachments` must not set records aside. `services` undefined: there is no configuration, so guests keep
 * the endpoints that they have.
 */
export async function planHost(
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<readonly BridgeOutcome[]> {
  const view = await look(deps);
  return eachBridge(await knownBridges(view, deps), view, deps, async (facts, living, taps) => {
    const { decision, endpoints } = await intend(facts, living, services, deps);
    const steps = decision.is === 'leave' ? [] : await planSettling(facts, endpoints, taps, deps);
    return outcomeOf(facts, decision, steps, endpoints);
  });
}

/**
 * Brings every bridge of this host to what configuration and recorded attachments ask for: repairs, changes endpoints of
 * running guests, takes away what vanished VMs and bridges left. A bridge that fails does not keep the others from
 * theirs. The caller holds the lock and brings up the daemons afterwards. `services` as with `planHost`.
 */
export async function applyHost(
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<readonly BridgeOutcome[]> {
  const view = await look(deps);
  for (const attachment of view.leftover) await deps.attachments.remove(attachment);
  return applyBridges(await knownBridges(view, deps), view, services, deps);
}

/** The same for some bridges. */
export function applyBridges(
  bridges: readonly string[],
  view: View,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<readonly BridgeOutcome[]> {
  return eachBridge(bridges, view, deps, async (facts, living, taps) => {
    const { decision, endpoints } = await intend(facts, living, services, deps);
    if (decision.is === 'leave') return outcomeOf(facts, decision, [], endpoints);
    const steps = await settle(facts, endpoints, taps, deps);
    if (decision.is === 'services') await recordPorts(living, decision.foreign, endpoints, deps);
    return outcomeOf(facts, decision, steps, endpoints);
  });
}

async function eachBridge(
  bridges: readonly string[],
  view: View,
  deps: DriverDeps,
  act: (facts: Facts, living: readonly Attachment[], taps: Taps) => Promise<BridgeOutcome>,
): Promise<readonly BridgeOutcome[]> {
  const outcomes: BridgeOutcome[] = [];
  for (const bridge of bridges) {
    try {
      const facts = await observeBridge(deps.run, deps.host, bridge);
      const living = view.living.filter((attachment) => attachment.bridge === bridge);
      outcomes.push(await act(facts, living, tapsOn(bridge, view.living)));
    } catch (error) {
      if (!(error instanceof TproxyError)) throw error;
      outcomes.push({ bridge, decision: 'failed', why: messageOf(error), steps: [], endpoints: [] });
    }
  }
  return outcomes;
}

/** Every bridge that somebody is attached to or that has a trace of ours, in the order of their names. */
async function knownBridges(view: View, { run, host }: DriverDeps): Promise<readonly string[]> {
  const [tables, netns] = await Promise.all([readTables(run), host.netnsNames()]);
  return tracedBridges([...view.living, ...view.leftover], tables, netns);
}

async function intend(
  facts: Facts,
  living: readonly Attachment[],
  services: readonly Service[] | undefined,
  deps: DriverDeps,
): Promise<{ readonly decision: Decision; readonly endpoints: readonly Endpoint[] }> {
  const networks = living.map(({ network }) => network);
  const mapped = facts.nft.endpoints ?? [];
  const marked = services && (await withUnknownMarked(services, networks, mapped, deps.addresses));
  const decision = decideAnyTime(facts, living, marked);
  switch (decision.is) {
    case 'services':
      return { decision, endpoints: await desiredEndpoints(decision, facts, deps) };
    case 'as-mapped':
      return { decision, endpoints: decision.endpoints };
    case 'leave':
      return { decision, endpoints: facts.nft.endpoints ?? [] };
    case 'remove':
      return { decision, endpoints: [] };
  }
}

/** What our own `up` would have recorded, so that a later change of the configuration finds its ports. */
async function recordPorts(
  living: readonly Attachment[],
  foreign: readonly Endpoint[],
  endpoints: readonly Endpoint[],
  { attachments }: DriverDeps,
): Promise<void> {
  const ours = endpoints.filter((endpoint) => !hasEndpoint(foreign, endpoint));
  const servicePorts = ours.map(({ servicePort }) => servicePort);
  for (const attachment of living) {
    if (JSON.stringify(attachment.servicePorts) === JSON.stringify(servicePorts)) continue;
    await attachments.put({ ...attachment, servicePorts });
  }
}

function outcomeOf(
  { bridge }: Facts,
  decision: Decision,
  steps: readonly Step[],
  endpoints: readonly Endpoint[],
): BridgeOutcome {
  const base = { bridge, decision: decision.is, steps, endpoints };
  return 'why' in decision ? { ...base, why: decision.why } : base;
}
