import { bridgeDevice, portFacts } from '../../driver/facts/link-facts.ts';
import { nftFacts } from '../../driver/facts/nft-facts.ts';
import { portMac } from '../../driver/mac.ts';
import { pairMtu } from '../../driver/plan/plan-links.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { arpChainName, bridgePort } from '../../model/names.ts';
import { listenerLog } from '../../process/paths.ts';
import type { Examination, Finding } from '../check.ts';
import { crossingChecks } from '../crossing/checks.ts';
import { judgeListener } from '../daemons/judge-processes.ts';
import { examineLog } from '../daemons/log-tail.ts';
import { TABLES } from '../host/host-checks.ts';
import type { Scene } from '../look/scene.ts';
import { wantedUser } from '../look/wanted-user.ts';
import { judgeBridge, judgeGuests } from './judge-bridge.ts';
import { judgeListening, judgeMap } from './judge-endpoints.ts';
import { judgeArp, judgeGuard, judgePolice, judgeRedirect } from './judge-nft.ts';
import { judgePlan } from './judge-plan.ts';
import { judgeInside, judgeNetns, judgeRuleset, judgeSysctls, judgeVeth } from './judge-plumbing.ts';

const NOTHING_READ = nftFacts({ ip: undefined, bridge: undefined }, '', 'own-objects');
const IP = 'tool/ip';
const NFT = 'tool/nft';
const NSENTER = 'tool/nsenter';

/** One bridge that has endpoints, or should have some: from its device to the socket that guests dial. */
export function bridgeChecks(
  scene: Scene,
  bridge: string,
  mapped: readonly Endpoint[] | undefined,
  version: string,
): readonly Examination[] {
  const part = { is: 'bridge', bridge } as const;
  const own = (id: string): string => `${bridge}/${id}`;
  const check = (
    id: string,
    title: string,
    needs: readonly string[],
    examine: () => Finding | Promise<Finding>,
  ): Examination => ({ id, part, title, needs, examine });

  const links = () => scene.links();
  const ports = async () => (await links()).filter(({ master }) => master === bridge);
  const nft = async () => nftFacts(await scene.tables(), bridge, 'tables');
  const living = async () => (await scene.guests()).living.filter((one) => one.bridge === bridge);
  const inside = async () => {
    const netns = await scene.netns(bridge);
    if (netns.is !== 'present') throw new Error(`netns is ${netns.is}`);
    return netns.inside;
  };

  return [
    check('bridge', 'bridge', [IP], async () => judgeBridge(bridge, await links())),
    check('guests', 'guests', [own('bridge')], async () => {
      const { leftover, damaged } = await scene.guests();
      const here = leftover.filter((one) => one.bridge === bridge);
      return judgeGuests(
        { bridge, ports: await ports() },
        { living: await living(), leftover: here, damaged },
      );
    }),
    check('arp', 'ARP rule', [NFT, TABLES], async () => {
      const chain = (await scene.tables()).bridge?.chains.get(arpChainName(bridge));
      return judgeArp({ bridge, nft: await nft() }, chain);
    }),
    check('guard', 'guard', [NFT, TABLES], async () =>
      judgeGuard({ bridge, nft: await nft() }, (await scene.nft()).lacks),
    ),
    check('police', 'limit of its ports', [NFT, TABLES, 'configuration'], async () =>
      judgePolice({ bridge, nft: await nft() }, (await scene.config()).config.policing),
    ),
    check('veth', 'veth pair', [own('bridge')], async () => {
      const all = await links();
      const find = (name: string) => all.find((link) => link.name === name);
      const mtu = pairMtu({ bridge, device: bridgeDevice(find(bridge)), ports: await ports() });
      const port = portFacts(find(bridgePort(bridge)), []);
      // Trouble with the netns is for the next check.
      const netns = await scene.netns(bridge).catch(() => ({ is: 'missing' }) as const);
      // Of nft the traces of a driver alone are asked for, and its own check tells when it can't be read.
      const traces = await nft().catch(() => NOTHING_READ);
      return judgeVeth({ bridge, port, netns, nft: traces }, mtu, portMac(bridge, await scene.identity()));
    }),
    check('netns', 'network namespace', [], async () => judgeNetns(bridge, await scene.netnsState(bridge))),
    check('inside', 'address and route', [own('netns'), NSENTER, IP, NFT], async () =>
      judgeInside(bridge, await inside()),
    ),
    check('sysctls', 'settings inside', [own('inside')], async () => judgeSysctls(bridge, await inside())),
    check('ruleset', 'ruleset inside', [own('netns'), NSENTER, NFT], async () =>
      judgeRuleset(await inside()),
    ),
    ...crossingChecks(scene, bridge, mapped ?? []),
    check('redirect', 'nearest proxy', [NFT, TABLES, own('netns'), NSENTER], async () => {
      const taps = (await living()).flatMap(({ owner }) => (owner.is === 'vm' ? [owner.tap] : []));
      return judgeRedirect({ bridge, nft: await nft(), netns: await scene.netns(bridge) }, taps);
    }),
    check('map', 'endpoint map', [NFT, TABLES], async () => {
      const wanted = (await scene.plan().catch(() => [])).find((outcome) => outcome.bridge === bridge);
      return judgeMap(bridge, mapped, wanted?.decision === 'failed' ? undefined : wanted?.endpoints);
    }),
    check('listening', 'listening sockets', [own('netns'), NSENTER, NFT, TABLES], async () =>
      judgeListening(bridge, mapped ?? [], await scene.listening(bridge)),
    ),
    listenerCheck(scene, bridge, true, version),
    check('log', 'log', [], () => examineLog(listenerLog(bridge))),
    planCheck(scene, bridge),
  ];
}

function listenerCheck(scene: Scene, bridge: string, served: boolean, version: string): Examination {
  return {
    id: 'listener',
    part: { is: 'bridge', bridge },
    title: 'listener',
    needs: [],
    examine: async () =>
      judgeListener(bridge, scene.processes(), { served, user: await wantedUser(scene), version }),
  };
}

/** A bridge without services: nothing should be there. */
export function idleBridgeChecks(scene: Scene, bridge: string, version: string): readonly Examination[] {
  return [listenerCheck(scene, bridge, false, version), planCheck(scene, bridge)];
}

/** What `tproxy apply` would change, so that nothing that the driver looks after is forgotten here. */
function planCheck(scene: Scene, bridge: string): Examination {
  return {
    id: 'plan',
    part: { is: 'bridge', bridge },
    title: 'plan',
    needs: ['configuration', IP, NFT, TABLES, NSENTER],
    examine: async () => judgePlan((await scene.plan()).find((outcome) => outcome.bridge === bridge)),
  };
}
