import { messageOf, TproxyError } from '../errors.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { NetworkRef } from '../model/service.ts';
import type { WantedServices } from './decide.ts';
import type { DriverDeps } from './deps.ts';
import { endpointsFor } from './endpoints.ts';
import type { Facts } from './facts/facts.ts';
import { withTables } from './facts/observe.ts';
import { portMac, serviceMac } from './mac.ts';
import { applyEach, applySteps, undoSteps } from './plan/apply.ts';
import type { Desired } from './plan/desired.ts';
import { planBridge } from './plan/plan.ts';
import type { Taps } from './plan/plan-redirect.ts';
import { HAND, type Step } from './plan/steps.ts';
import type { ArpForm } from './rules/arp-rules.ts';
import { NOTHING } from './rules/chains.ts';
import { POLICE_CHAIN, policingWords } from './rules/police-rules.ts';

/** The endpoints that a bridge should have; trouble on the way is reported. */
export async function desiredEndpoints(
  wanted: WantedServices,
  facts: Facts,
  { addresses, report }: DriverDeps,
): Promise<readonly Endpoint[]> {
  for (const { service, network, winner } of wanted.conflicts) {
    report.warning(
      `bridge ${facts.bridge}: service port ${service.servicePort} leads network ${nameOf(winner.network)} to ` +
        `${winner.service.remoteAddr}:${winner.service.remotePort} (line ${winner.service.line}), so network ` +
        `${nameOf(network)} does not get line ${service.line}: give one of them another service port or bridge`,
    );
  }
  const current = facts.nft.endpoints ?? [];
  return [...(await endpointsFor(wanted.services, current, addresses, report)), ...wanted.foreign];
}

function nameOf(network: NetworkRef): string {
  return network.name ?? network.id ?? 'without a name';
}

/** Warns when a limit of ports is configured that is not in force because the nft at hand can't carry it. */
export async function warnOfMissingLimit({
  nft,
  policing,
  report,
}: Pick<DriverDeps, 'nft' | 'policing' | 'report'>): Promise<void> {
  if (policing === undefined || (policing.portRate === 0 && policing.portBandwidth === 0)) return;
  const { lacks } = await nft();
  if (!lacks.has(POLICE_CHAIN)) return;
  report.warning(
    `a port may send more than ${policingWords(policing)}: this nft can't carry that limit; install nftables 1.0.6 or newer, then run tproxy apply`,
  );
}

/** The steps that bring a bridge to these endpoints; with none, those that take its plumbing away. Changes nothing. */
export function planSettling(
  facts: Facts,
  endpoints: readonly Endpoint[],
  taps: Taps,
  seams: Seams,
): Promise<readonly Step[]> {
  if (endpoints.length === 0) return planUnplumbing(facts, taps, seams);
  return planPlumbing(facts, endpoints, taps, seams);
}

/** Brings a bridge to these endpoints, all or nothing; with none, takes its plumbing away. Resolves with what it did. */
export async function settle(
  facts: Facts,
  endpoints: readonly Endpoint[],
  taps: Taps,
  seams: Seams,
): Promise<readonly Step[]> {
  const steps = await planSettling(facts, endpoints, taps, seams);
  if (endpoints.length > 0) await applySteps(seams.run, facts.bridge, steps);
  else await removeAll(facts.bridge, steps, seams);
  return steps;
}

type Seams = Pick<DriverDeps, 'run' | 'host' | 'policing' | 'nft'>;

async function planPlumbing(
  glance: Facts,
  endpoints: readonly Endpoint[],
  taps: Taps,
  { run, host, policing, nft }: Seams,
): Promise<readonly Step[]> {
  const identity = await host.identity();
  const macs = { mac: serviceMac(glance.bridge, identity), portMac: portMac(glance.bridge, identity) };
  const { ibrname, lacks } = await nft();
  const plan = (facts: Facts, arpForm: ArpForm) =>
    planBridge(facts, { endpoints, ...macs, arpForm, taps, policing, lacks });
  const steps = plan(glance, glance.nft.form ?? 'port-set');
  if (!steps.some(changesNft)) return steps;
  const facts = await withTables(run, glance);
  return plan(facts, facts.nft.form ?? (ibrname ? 'ibrname' : 'port-set'));
}

async function planUnplumbing(glance: Facts, taps: Taps, { run, host }: Seams): Promise<readonly Step[]> {
  const identity = await host.identity();
  const nothing: Desired = {
    endpoints: [],
    mac: '',
    portMac: portMac(glance.bridge, identity),
    arpForm: 'port-set',
    taps,
    policing: undefined,
    lacks: NOTHING,
  };
  const steps = planBridge(glance, nothing);
  return steps.length === 0 ? steps : planBridge(await withTables(run, glance), nothing);
}

/** As far as it goes: what one step could not remove must not keep the next one from trying. */
async function removeAll(bridge: string, steps: readonly Step[], { run }: Seams): Promise<void> {
  const failed = await applyEach(run, steps);
  if (failed.length === 0) return;
  throw new TproxyError(`bridge ${bridge}: part of its plumbing could not be removed: ${failed.join('; ')}`, {
    remedy: 'remove the cause; the next up or down on this bridge tries again',
  });
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
