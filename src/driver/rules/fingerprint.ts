import { createHash } from 'node:crypto';

/**
 * The comment by which a rule of ours is known again. Rules are not compared by their text, because each version of nft
 * words what it prints in its own way, and "up twice is a no-op" has to survive an update of nft.
 */
export function fingerprint(bridge: string, rule: string): string {
  return `one_tproxy ${createHash('sha256').update(`${bridge} ${rule}`).digest('hex').slice(0, 12)}`;
}

/** The rule with its fingerprint. */
export function marked(bridge: string, rule: string): string {
  return `${rule} comment "${fingerprint(bridge, rule)}"`;
}
