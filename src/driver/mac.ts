import { createHash } from 'node:crypto';
import { PORT_MAC_PREFIX } from '../model/names.ts';

/**
 * MAC of `<bridge>a`: locally administered, the same each time the pair is made again, so that running guests, who have
 * it in their ARP cache, notice nothing of a repair. Different on each hypervisor (docs/decisions/0003).
 */
export function serviceMac(bridge: string, hostIdentity: string): string {
  const digest = createHash('sha256').update(`${hostIdentity} ${bridge}`).digest();
  return `02:${hex(digest.subarray(0, 5))}`;
}

/**
 * MAC of `<bridge>b`. A bridge without a MAC of its own takes the least one of its ports, and the host is off the air while its
 * neighbours still know the old one: ours is above whatever taps and network cards have. Nobody ever sends from it. Its first
 * bytes tell udev that network managers have to leave the port alone (etc/udev).
 */
export function portMac(bridge: string, hostIdentity: string): string {
  const digest = createHash('sha256').update(`${hostIdentity} ${bridge} port`).digest();
  return `${PORT_MAC_PREFIX}:${hex(digest.subarray(0, 2))}`;
}

function hex(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
