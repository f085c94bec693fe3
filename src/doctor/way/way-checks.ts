import { isIPv4 } from 'node:net';
import { getentLookup } from '../../config/lookup.ts';
import { resolveNames } from '../../config/resolve.ts';
import type { Endpoint, Upstream } from '../../model/endpoint.ts';
import type { Service } from '../../model/service.ts';
import { type Examination, failed } from '../check.ts';
import { once } from '../look/once.ts';
import type { Scene } from '../look/scene.ts';
import { judgeConnection, judgeName, judgeUpstream } from './judge-way.ts';
import { probingMs } from './probe.ts';

const UPSTREAMS = { is: 'upstreams' } as const;
const NAME_MS = 3000;
/** Besides the connections themselves: a busy machine, and the start of a program. */
const SPARE_MS = 12_000;

/** Host names of the configuration, and the addresses that endpoints lead to, as this host sees them. */
export function upstreamChecks(
  scene: Scene,
  services: readonly Service[],
  upstreams: readonly Upstream[],
): readonly Examination[] {
  const names = new Set(services.map(({ remoteAddr }) => remoteAddr).filter((name) => !isIPv4(name)));
  const addresses = new Map(upstreams.map((upstream) => [`${upstream.address}:${upstream.port}`, upstream]));
  // All of them when the first is asked for: few checks are made side by side, many connections can be.
  const dialAll = once(() => [...addresses.values()].map((upstream) => scene.direct(upstream)));
  const limitMs = SPARE_MS + probingMs(addresses.size);
  return [
    ...[...names].map((name) => nameCheck(scene, name)),
    ...[...addresses].map(([subject, upstream]) => ({
      id: 'upstream',
      part: UPSTREAMS,
      subject,
      title: subject,
      needs: [],
      limitMs,
      examine: async () => {
        dialAll();
        return judgeUpstream(upstream, await scene.direct(upstream));
      },
    })),
  ];
}

function nameCheck({ run }: Scene, name: string): Examination {
  return {
    id: 'name',
    part: UPSTREAMS,
    subject: name,
    title: name,
    needs: [],
    examine: async () => {
      const began = performance.now();
      const options = { lookup: getentLookup(run), timeoutMs: NAME_MS };
      const answer = (await resolveNames([name], options)).get(name) ?? { reason: `${name}: no answer` };
      return judgeName(name, answer, performance.now() - began);
    },
  };
}

/** Real connections from inside the netns of a bridge: listening socket, forwarder, upstream. */
export function connectionChecks(
  scene: Scene,
  bridge: string,
  endpoints: readonly Endpoint[],
): readonly Examination[] {
  // Straight, then from inside.
  const limitMs = SPARE_MS + 2 * probingMs(endpoints.length);
  return endpoints.map((endpoint) => ({
    id: 'connection',
    part: { is: 'whole-way', bridge },
    subject: `${endpoint.servicePort}`,
    title: `${bridge} ${endpoint.servicePort}`,
    needs: ['tool/nsenter', `${bridge}/inside`, `${bridge}/listener`, 'forwarder', 'control'],
    limitMs,
    examine: async () => {
      const [netns, direct] = await Promise.all([scene.netns(bridge), scene.direct(endpoint.upstream)]);
      if (netns.is !== 'present') return failed('the network namespace has gone', 'run tproxy apply');
      const { loUp } = netns.inside;
      const results = loUp ? await scene.through(bridge, endpoints) : [];
      const result = results.find(({ port }) => port === endpoint.servicePort);
      return judgeConnection(endpoint, result, direct, loUp);
    },
  }));
}
