import { createHash } from 'node:crypto';

/**
 * MAC of `<bridge>a`: locally administered, the same each time the pair is made again, so that running guests, who have
 * it in their ARP cache, notice nothing of a repair. Different on each hypervisor (docs/decisions/0003).
 */
export function serviceMac(bridge: string, hostIdentity: string): string {
  const digest = createHash('sha256').update(`${hostIdentity} ${bridge}`).digest();
  return ['02', ...[...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
