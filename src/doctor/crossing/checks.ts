import { isGuestPort } from '../../driver/guests.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { bridgePort } from '../../model/names.ts';
import type { Examination, Finding } from '../check.ts';
import type { Scene } from '../look/scene.ts';
import { judgePassage } from './judge-passage.ts';
import { judgeAddress, judgeForwarding, judgeVlan } from './judge-port.ts';
import { hasOwnAddress, judgeManagers, managerOf } from './managers.ts';

/** What is between a guest's port and ours: the bridge itself, and what others do on it. */
export function crossingChecks(
  scene: Scene,
  bridge: string,
  endpoints: readonly Endpoint[],
): readonly Examination[] {
  const own = (id: string): string => `${bridge}/${id}`;
  const check = (
    id: string,
    title: string,
    needs: readonly string[],
    examine: () => Finding | Promise<Finding>,
  ): Examination => ({ id, part: { is: 'bridge', bridge }, title, needs, examine });
  return [
    check('manager', 'network managers', ['tool/ip'], async () => {
      const port = (await scene.links()).find(({ name }) => name === bridgePort(bridge));
      return judgeManagers(bridge, port, port === undefined ? undefined : await managerOf(port.index));
    }),
    check('vlan', 'VLAN', [own('veth')], async () => judgeVlan(bridge, await scene.ports(bridge))),
    check('address', 'address of the bridge', [own('veth')], async () =>
      judgeAddress(bridge, await scene.links(), hasOwnAddress(bridge)),
    ),
    check('passage', 'filters of others', [own('bridge'), 'tool/nft'], async () => {
      const guests = (await scene.ports(bridge)).filter((port) => isGuestPort(port, bridge));
      const way = { bridge, guestPort: guests[0]?.name ?? '', servicePort: endpoints[0]?.servicePort ?? 0 };
      return judgePassage(way, await scene.filters(bridge));
    }),
    check('forwarding', 'bridge forwards', [own('veth'), own('inside')], async () =>
      judgeForwarding(bridge, await scene.links()),
    ),
  ];
}
