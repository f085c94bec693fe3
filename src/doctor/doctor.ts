import { tracedBridges } from '../driver/traced-bridges.ts';
import { type EndpointMaps, servedBridges } from '../model/endpoint.ts';
import { bridgeChecks, idleBridgeChecks } from './bridge/bridge-checks.ts';
import type { Check, Examination } from './check.ts';
import { daemonChecks } from './daemons/daemon-checks.ts';
import { hostChecks, rootCheck } from './host/host-checks.ts';
import type { Scene } from './look/scene.ts';
import { walk } from './walk.ts';
import { connectionChecks, upstreamChecks } from './way/way-checks.ts';

export interface DoctorOptions {
  /** This bridge alone, besides the host and its daemons. */
  readonly bridge?: string;
  /** Of the program that is installed. */
  readonly version: string;
}

/**
 * Walks a guest's way from its bridge to the upstream. Resolves with every check in the order of that way; nothing is
 * changed. Acts in the root namespace.
 */
export async function examineHost(scene: Scene, options: DoctorOptions): Promise<readonly Check[]> {
  if (process.geteuid?.() !== 0) return walk([rootCheck()]);
  return walk(await examinations(scene, options));
}

async function examinations(
  scene: Scene,
  { bridge, version }: DoctorOptions,
): Promise<readonly Examination[]> {
  // What can't be read is found again by the check that is about it.
  const [tables, plan, config, guests, netns] = await Promise.all([
    scene.tables().catch(() => undefined),
    scene.plan().catch(() => undefined),
    scene.config().catch(() => undefined),
    scene.guests().catch(() => ({ living: [], leftover: [] })),
    scene.netnsNames().catch(() => []),
  ]);
  const maps: EndpointMaps = tables?.ip?.endpointMaps ?? new Map();
  const served = servedBridges(maps);
  const wanted = new Map((plan ?? []).map((outcome) => [outcome.bridge, outcome.endpoints.length > 0]));
  const isServed = (name: string): boolean =>
    served.has(name) || wanted.get(name) === true || (tables === undefined && plan === undefined);
  const bridges =
    bridge === undefined ? tracedBridges([...guests.living, ...guests.leftover], tables, netns) : [bridge];
  const walked = bridges.filter(isServed);
  // When nobody knows, what runs may well be needed.
  const needed = tables === undefined ? runsForwarder(scene) : served.size > 0;
  return [
    ...hostChecks(scene),
    ...bridges.flatMap((name) =>
      isServed(name)
        ? bridgeChecks(scene, name, maps.get(name), version)
        : idleBridgeChecks(scene, name, version),
    ),
    ...daemonChecks(scene, needed, version),
    ...upstreamChecks(
      scene,
      config?.config.services ?? [],
      walked.flatMap((name) => (maps.get(name) ?? []).map(({ upstream }) => upstream)),
    ),
    ...walked.flatMap((name) => connectionChecks(scene, name, maps.get(name) ?? [])),
  ];
}

function runsForwarder(scene: Scene): boolean {
  return scene.processes().some(({ role }) => role === 'forwarder');
}
