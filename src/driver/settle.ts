import { messageOf, TproxyError } from '../errors.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { NetworkRef } from '../model/service.ts';
import { hasIbrname } from '../system/nft.ts';
import { applyEach, applySteps, undoSteps } from './apply.ts';
import type { DriverDeps } from './deps.ts';
import { endpointsFor } from './endpoints.ts';
import type { Facts } from './facts.ts';
import { serviceMac } from './mac.ts';
import { planBridge } from './plan.ts';
import type { Step } from './steps.ts';
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
  deps: Pick<DriverDeps, 'run' | 'host'>,
): Promise<readonly Step[]> {
  return endpoints.length === 0 ? unplumb(facts, deps) : plumb(facts, endpoints, deps);
}

async function plumb(
  facts: Facts,
  endpoints: readonly Endpoint[],
  { run, host }: Pick<DriverDeps, 'run' | 'host'>,
): Promise<readonly Step[]> {
  const steps = planBridge(facts, {
    endpoints,
    mac: serviceMac(facts.bridge, await host.identity()),
    // Asked of the kernel only where nothing on the host tells.
    arpForm: facts.nft.form ?? ((await hasIbrname(run)) ? 'ibrname' : 'port-set'),
  });
  await applySteps(run, facts.bridge, steps);
  return steps;
}

/** As far as it goes: what one step could not remove must not keep the next one from trying. */
async function unplumb(facts: Facts, { run }: Pick<DriverDeps, 'run'>): Promise<readonly Step[]> {
  const steps = planBridge(facts, { endpoints: [], mac: '', arpForm: 'port-set' });
  const failed = await applyEach(run, steps);
  if (failed.length === 0) return steps;
  throw new TproxyError(
    `bridge ${facts.bridge}: not all of its plumbing could be removed: ${failed.join('; ')}; the next up or down on it tries again`,
  );
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
