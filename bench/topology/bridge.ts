import { bridgePort, netnsDevice, netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import { run } from '../host/run.ts';
import type { Hypervisor } from './hypervisor.ts';
import { ipBatch, settle } from './netns.ts';

/** A guest holds several addresses, so that a limit per guest address is not what 10 000 relays measure. */
export const GUEST_ADDRESSES = Array.from({ length: 32 }, (_, i) => `172.16.0.${10 + i}`);

/** Address of the bridge itself, where a guest is routed without a proxy. */
export const ROUTER_ADDRESS = '172.16.0.1';

/** A bridge without one takes the lowest of its ports', and a later port would change it under the guests' ARP entries. */
const BRIDGE_MAC = '02:00:ac:10:00:01';

/** netns that stands for the guest of a bridge. */
export function guestNetns(bridge: string): string {
  return `guest_${bridge}`;
}

/** A bridge without an address of its own, and a guest on it. */
export async function addBridge(hypervisor: Hypervisor, bridge: string): Promise<void> {
  const guest = guestNetns(bridge);
  await ipBatch(hypervisor.inRoot, [
    `link add ${bridge} address ${BRIDGE_MAC} type bridge`,
    `link set ${bridge} up`,
    `netns add ${guest}`,
    `link add ${bridge}g type veth peer name eth0 netns ${guest}`,
    `link set ${bridge}g master ${bridge} up`,
  ]);
  const inGuest = hypervisor.inNetns(guest);
  await settle(inGuest);
  await ipBatch(inGuest, [
    'link set lo up',
    ...GUEST_ADDRESSES.map((address) => `address add ${address}/24 dev eth0`),
    'link set eth0 up',
    `route add ${SERVICE_ADDRESS}/32 dev eth0`,
  ]);
}

/** One more guest on a bridge; `routed` guests are routed by the hypervisor. */
export async function addGuest(
  hypervisor: Hypervisor,
  bridge: string,
  guest: { readonly netns: string; readonly address: string; readonly port: string },
  routed: boolean,
): Promise<void> {
  await ipBatch(hypervisor.inRoot, [
    `netns add ${guest.netns}`,
    `link add ${guest.port} type veth peer name eth0 netns ${guest.netns}`,
    `link set ${guest.port} master ${bridge} up`,
  ]);
  const inGuest = hypervisor.inNetns(guest.netns);
  await settle(inGuest);
  await ipBatch(inGuest, [
    'link set lo up',
    `address add ${guest.address}/24 dev eth0`,
    'link set eth0 up',
    routed ? `route add default via ${ROUTER_ADDRESS}` : `route add ${SERVICE_ADDRESS}/32 dev eth0`,
  ]);
}

/** The plumbing of a bridge as the stock drivers leave it: netns, veth, address, default route. */
export async function addServiceNetns(hypervisor: Hypervisor, bridge: string): Promise<void> {
  const netns = netnsName(bridge);
  const device = netnsDevice(bridge);
  await ipBatch(hypervisor.inRoot, [
    `netns add ${netns}`,
    `link add ${bridgePort(bridge)} type veth peer name ${device} netns ${netns}`,
    `link set ${bridgePort(bridge)} master ${bridge} up`,
  ]);
  const inNetns = hypervisor.inNetns(netns);
  await settle(inNetns);
  await ipBatch(inNetns, [
    `address replace ${SERVICE_ADDRESS}/32 dev ${device}`,
    `link set ${device} up`,
    `route replace default dev ${device} scope link`,
  ]);
}

/** Makes the hypervisor route between the guest and the upstream: the way without a proxy. */
export async function addRoute(hypervisor: Hypervisor, bridge: string, upstreamNetns: string): Promise<void> {
  await ipBatch(hypervisor.inRoot, [`address add ${ROUTER_ADDRESS}/24 dev ${bridge}`]);
  await run([...hypervisor.inRoot, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
  await ipBatch(hypervisor.inNetns(guestNetns(bridge)), [`route add default via ${ROUTER_ADDRESS}`]);
  await ipBatch(
    ['ip', 'netns', 'exec', upstreamNetns],
    [`route add 172.16.0.0/24 via ${hypervisor.uplink.gateway} dev ${hypervisor.uplink.device}`],
  );
}
