import { fileURLToPath } from 'node:url';
import { Hypervisor, mapByHand, plumbByHand } from '../support/hypervisor.ts';
import { addBridge, addGuest, addUpstreamHost, type Guest, prepareForLoad } from '../support/network.ts';
import type { Place } from '../support/place.ts';
import { Sandbox } from '../support/sandbox.ts';
import { CLOSED, Timeline } from './timeline.ts';

export const UPSTREAM_ADDRESS = '10.11.12.13';
export const BRIDGES = ['br0', 'onebr7', 'br-lan'] as const;
/** Services that are always there; where they lead changes. */
export const STEADY = [5030, 80, 8080] as const;
/** Services that come and go. */
export const TOGGLES = [5031, 443] as const;
const SERVICES: readonly number[] = [...STEADY, ...TOGGLES];
/** Each bridge has upstreams of its own, so that a connection that ends up at another network's shows. */
const UPSTREAMS_PER_BRIDGE = 20;
const FIRST_UPSTREAM = 7000;

/** Hours: what drains shall end by itself. */
const CONFIG = ':tproxy_debug_level: 2\n:tproxy_drain_timeout: 7200\n:tproxy: []\n';

/** A bridge with a guest on it, and where its services lead. */
export interface Mesh {
  readonly bridge: string;
  readonly guest: Guest;
  readonly timelines: ReadonlyMap<number, Timeline>;
  /** Ports of its upstreams. */
  readonly upstreams: readonly number[];
}

export interface Scene {
  readonly box: Sandbox;
  readonly hypervisor: Hypervisor;
  readonly meshes: readonly Mesh[];
  readonly upstream: Place;
}

/** A hypervisor with three bridges, plumbed by hand, the daemons not started. */
export async function createScene(): Promise<Scene> {
  const box = await Sandbox.create();
  try {
    const hypervisor = await Hypervisor.install(box, CONFIG);
    const host = await addUpstreamHost(box, UPSTREAM_ADDRESS);
    await startUpstreams(host, BRIDGES.length * UPSTREAMS_PER_BRIDGE);
    const meshes: Mesh[] = [];
    for (const [i, bridge] of BRIDGES.entries()) meshes.push(await createMesh(box, bridge, i));
    const netns = BRIDGES.map((bridge) => box.netns(`one_tproxy_${bridge}`));
    await prepareForLoad(box, host, ...meshes.map(({ guest }) => guest), ...netns);
    return { box, hypervisor, meshes, upstream: host };
  } catch (error) {
    await box.close();
    throw error;
  }
}

async function createMesh(box: Sandbox, bridge: string, number: number): Promise<Mesh> {
  await addBridge(box, bridge);
  const guest = await addGuest(box, bridge, { ip: `192.168.${150 + number}.11` });
  const first = FIRST_UPSTREAM + number * UPSTREAMS_PER_BRIDGE;
  const upstreams = Array.from({ length: UPSTREAMS_PER_BRIDGE }, (_, i) => first + i);
  const timelines = new Map(
    SERVICES.map((port, i) => [
      port,
      new Timeline((STEADY as readonly number[]).includes(port) ? (upstreams[i] ?? CLOSED) : CLOSED),
    ]),
  );
  const mesh = { bridge, guest, timelines, upstreams };
  await plumbByHand(box, bridge, endpointsOf(mesh));
  return mesh;
}

/** Starts upstream.mjs on `count` ports from `first` on. */
export async function startUpstreams(
  host: Place & { readonly ip: string },
  count: number,
  first = FIRST_UPSTREAM,
): Promise<void> {
  const file = fileURLToPath(new URL('upstream.mjs', import.meta.url));
  const server = host.spawn([process.execPath, file, host.ip, String(first), String(count)]);
  await server.waitFor(/^listening$/m);
}

function endpointsOf({ timelines }: Pick<Mesh, 'timelines'>): Record<number, string> {
  return Object.fromEntries(
    [...timelines]
      .filter(([, { current }]) => current !== CLOSED)
      .map(([port, { current }]) => [port, `${UPSTREAM_ADDRESS} . ${current}`]),
  );
}

/** Writes where the services of a bridge shall lead into nft. */
export async function writeMap({ box }: Scene, mesh: Mesh): Promise<void> {
  await mapByHand(box, mesh.bridge, endpointsOf(mesh));
}
