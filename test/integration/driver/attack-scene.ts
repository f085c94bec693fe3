import { expect } from 'vitest';
import { attach } from '../../../src/driver/up.ts';
import { DEFAULT_POLICING, type Policing } from '../../../src/model/limits.ts';
import { addBridge, addGuest, type Guest } from '../../support/network.ts';
import type { Place } from '../../support/place.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { boxDeps, service, vm } from './box-deps.ts';

export const SERVICE_ADDRESS = '169.254.16.9';
export const NETNS = 'one_tproxy_br0';
const SERVICES = [service(5030, '10.11.12.13:5030')];

/** A bridge with its plumbing, an attacker, another guest, and a port that leads out of the host. */
export interface Scene {
  readonly box: Sandbox;
  readonly attacker: Guest;
  readonly victim: Guest;
  /** Behind the bridge's uplink: another hypervisor. */
  readonly outside: Place;
  readonly netns: Place;
  /** MAC of `br0a`. */
  readonly serviceMac: string;
}

export async function openScene(policing: Policing = DEFAULT_POLICING): Promise<Scene> {
  const box = await Sandbox.create();
  try {
    const deps = Object.assign(boxDeps(box), { policing });
    await addBridge(box, 'br0');
    const attacker = await addGuest(box, 'br0', { ip: '192.168.1.6', vmId: 6 });
    const victim = await addGuest(box, 'br0', { ip: '192.168.1.7', vmId: 7 });
    await box.sh(`
      ip netns add outside
      ip link add uplink type veth peer name eth0 netns outside
      ip link set uplink master br0 up
      ip -n outside link set eth0 up
    `);
    for (const vmId of [6, 7]) await attach({ ...vm(vmId, 'br0', 'a'), uplinks: ['uplink'] }, SERVICES, deps);
    const netns = box.netns(NETNS);
    const link = await netns.sh('ip -o link show br0a');
    const serviceMac = /link\/ether (\S+)/.exec(link)?.[1] ?? 'none';
    return { box, attacker, victim, outside: box.netns('outside'), netns, serviceMac };
  } catch (error) {
    await box.close();
    throw error;
  }
}

/** True when the service address answers within a second: nobody listens, so the answer is a refusal. */
export async function reaches(guest: Place): Promise<boolean> {
  const connect = `exec 3<>/dev/tcp/${SERVICE_ADDRESS}/5030`;
  const { stderr } = await guest.run(['timeout', '1', 'bash', '--norc', '-c', connect]);
  return stderr.includes('Connection refused');
}

/** Frames that match, counted where they come in at a place's `eth0`, or another device, from now on. */
export async function countAt(
  place: Place,
  matches: Readonly<Record<string, string>>,
  device = 'eth0',
): Promise<() => Promise<Record<string, number>>> {
  const rules = Object.entries(matches).map(([name, match]) => `${match} counter comment "${name}"`);
  await place.sh('nft -f -', {
    input: `add table netdev seen\ndelete table netdev seen\ntable netdev seen {
      chain c {
        type filter hook ingress device "${device}" priority 0;
        ${rules.join('\n')}
      }
    }\n`,
  });
  return async () => {
    const text = await place.sh('nft list table netdev seen');
    const counted = [...text.matchAll(/packets (\d+) .* comment "([^"]+)"/g)];
    return Object.fromEntries(counted.map(([, packets, name]) => [name ?? '', Number(packets)]));
  };
}

/** Frames arrive in order, and the last one is let through: when it is there, nothing more will come. */
export async function untilSeen(
  count: () => Promise<Record<string, number>>,
  name: string,
): Promise<Record<string, number>> {
  await expect.poll(async () => (await count())[name]).toBeGreaterThan(0);
  return count();
}
