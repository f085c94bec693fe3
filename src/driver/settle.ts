import { messageOf, TproxyError } from '../errors.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { NetworkRef } from '../model/service.ts';
import { hasIbrname } from '../system/nft.ts';
import { applyEach, applySteps, undoSteps } from './apply.ts';
import type { ArpForm } from './arp-rules.ts';
import type { DriverDeps } from './deps.ts';
import { endpointsFor } from './endpoints.ts';
import type { Facts } from './facts.ts';
import { serviceMac } from './mac.ts';
import { withTables } from './observe.ts';
import { planBridge } from './plan.ts';
import { HAND, type Step } from './steps.ts';
import type { WantedServices } from './wanted.ts';

/** The endpoints that a bridge should have; trouble on the way is reported. */
export async function desiredEndpoints(
  wanted: WantedServices,
  facts: Facts,
  { resolve, report }: DriverDeps,
): Promise<readonly Endpoint[]> {
  for (const { service, network, winner } of wanted.conflicts) {
    report.warning(
      `bridge ${facts.bridge}: service port ${service.servicePort} leads network ${nameOf(winner.network)} to ` +
        `${winner.service.remoteAddr}:${winner.service.remotePort} (line ${winner.service.line}), so network ` +
        `${nameOf(network)} does not get line ${service.line}: give one of them another service port or bridge`,
    );
  }
  const current = facts.nft.endpoints ?? [];
  return [...(await endpointsFor(wanted.services, current, resolve, report)), ...wanted.foreign];
}

function nameOf(network: NetworkRef): string {
  return network.name ?? network.id ?? 'without a name';
}

/** Brings a bridge to these endpoints, all or nothing; with none, takes its plumbing away. Resolves with what it did. */
export async function settle(
  facts: Facts,
  endpoints: readonly Endpoint[],
  deps: Seams,
): Promise<readonly Step[]> {
  return endpoints.length === 0 ? unplumb(facts, deps) : plumb(facts, endpoints, deps);
}

type Seams = Pick<DriverDeps, 'run' | 'host'>;

async function plumb(
  glance: Facts,
  endpoints: readonly Endpoint[],
  { run, host }: Seams,
): Promise<readonly Step[]> {
  const mac = serviceMac(glance.bridge, await host.identity());
  const plan = (facts: Facts, arpForm: ArpForm) => planBridge(facts, { endpoints, mac, arpForm });
  let steps = plan(glance, glance.nft.form ?? 'port-set');
  if (steps.some(changesNft)) {
    const facts = await withTables(run, glance);
    // Asked of the kernel only where nothing on the host tells.
    steps = plan(facts, facts.nft.form ?? ((await hasIbrname(run)) ? 'ibrname' : 'port-set'));
  }
  await applySteps(run, glance.bridge, steps);
  return steps;
}

/** As far as it goes: what one step could not remove must not keep the next one from trying. */
async function unplumb(glance: Facts, { run }: Seams): Promise<readonly Step[]> {
  const nothing = { endpoints: [], mac: '', arpForm: 'port-set' } as const;
  let steps = planBridge(glance, nothing);
  if (steps.length > 0) steps = planBridge(await withTables(run, glance), nothing);
  const failed = await applyEach(run, steps);
  if (failed.length === 0) return steps;
  throw new TproxyError(
    `bridge ${glance.bridge}: not all of its plumbing could be removed: ${failed.join('; ')}; the next up or down on it tries again`,
  );
}

function changesNft(step: Step): boolean {
  return HAND[step.do] === 'nft';
}

/** Undoes `steps` because the daemons could not follow, and rejects with their error. */
export async function giveBack(
  bridge: string,
  steps: readonly Step[],
  error: unknown,
  { run, daemons, report }: DriverDeps,
): Promise<never> {
  if (steps.length > 0) {
    const left = await undoSteps(run, steps);
    if (left.length > 0) report.error(`bridge ${bridge}: undoing failed: ${left.join('; ')}`);
    // They may have seen the endpoints that are gone again.
    await daemons.sync(bridge).catch((again: unknown) => report.error(messageOf(again)));
  }
  throw error;
}
