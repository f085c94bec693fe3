import { SERVICE_ADDRESS } from '../../src/model/names.ts';
import type { Place } from './place.ts';
import type { Sandbox } from './sandbox.ts';

/** A virtual machine as far as the network can tell: a namespace behind a port of the bridge. */
export interface Guest extends Place {
  /** Its namespace in `/run/netns`. */
  readonly name: string;
  readonly ip: string;
  readonly bridge: string;
  readonly vmId: number;
  readonly nicId: number;
  /** Its port of the bridge, named as OpenNebula names it. */
  readonly device: string;
}

/** A machine of the backbone: the root namespace reaches it, guests do not. */
export interface Host extends Place {
  readonly name: string;
  readonly ip: string;
}

export interface GuestOptions {
  readonly ip: string;
  /** Default: the next one of this sandbox, from 1. */
  readonly vmId?: number;
  readonly nicId?: number;
  /** Default `vm-<vmId>-<nicId>`. */
  readonly name?: string;
}

/** Bits of the guests' IPv4 networks. */
const PREFIX_LENGTH = 24;
const counters = new WeakMap<Sandbox, { guests: number; hosts: number }>();

function count(box: Sandbox, what: 'guests' | 'hosts'): number {
  const counter = counters.get(box) ?? { guests: 0, hosts: 0 };
  counter[what] += 1;
  counters.set(box, counter);
  return counter[what];
}

/** A bridge as OpenNebula's drivers make it. */
export async function addBridge(box: Sandbox, name: string): Promise<string> {
  await box.sh(`ip link add name ${name} type bridge forward_delay 0\nip link set ${name} up`);
  return name;
}

/** A guest with an address and the route to 169.254.16.9, as the README tells guests to be configured. */
export async function addGuest(box: Sandbox, bridge: string, options: GuestOptions): Promise<Guest> {
  const { ip, vmId = count(box, 'guests'), nicId = 0 } = options;
  const name = options.name ?? `vm-${vmId}-${nicId}`;
  const device = `one-${vmId}-${nicId}`;
  await box.sh(`
    ip netns add ${name}
    ip link add ${device} type veth peer name eth0 netns ${name}
    ip link set ${device} master ${bridge} up
    ip -n ${name} link set lo up
    ip -n ${name} address add ${ip}/${PREFIX_LENGTH} dev eth0
    ip -n ${name} link set eth0 up
    ip -n ${name} route add ${SERVICE_ADDRESS} dev eth0 scope link
  `);
  return Object.assign(box.netns(name), { name, ip, bridge, vmId, nicId, device });
}

/** What OpenNebula does when the VM has gone: its port of the bridge vanishes. */
export async function removeGuest(box: Sandbox, guest: Guest): Promise<void> {
  await box.sh(`ip link delete ${guest.device}\nip netns delete ${guest.name}`);
}

/** A machine for real upstream servers, on a point-to-point link to the root namespace. */
export async function addUpstreamHost(box: Sandbox, ip: string): Promise<Host> {
  const number = count(box, 'hosts');
  const name = `host-${number}`;
  await box.sh(`
    ip netns add ${name}
    ip link add backbone${number} type veth peer name eth0 netns ${name}
    ip address add 10.255.${number}.1/32 dev backbone${number}
    ip link set backbone${number} up
    ip route add ${ip}/32 dev backbone${number} src 10.255.${number}.1
    ip -n ${name} link set lo up
    ip -n ${name} address add ${ip}/32 dev eth0
    ip -n ${name} link set eth0 up
    ip -n ${name} route add default dev eth0
  `);
  return Object.assign(box.netns(name), { name, ip });
}

/** For thousands of connections a second: TIME_WAIT would fill the port range, the backlog would overflow. */
export async function prepareForLoad(...places: readonly Place[]): Promise<void> {
  for (const place of places) {
    await place.sh(`
      echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets
      echo '1024 65535' > /proc/sys/net/ipv4/ip_local_port_range
      echo 8192 > /proc/sys/net/core/somaxconn
    `);
  }
}
