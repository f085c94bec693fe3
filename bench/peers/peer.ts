import type { Hypervisor } from '../topology/hypervisor.ts';

/** The one bridge that every peer serves. */
export const BRIDGE = 'br0';

export interface PeerSetup {
  /** Directory of the bundled programs. */
  readonly js: string;
  /** Relays that a peer must be able to hold. */
  readonly maxRelays: number;
}

/** Something that carries connections from the guest to the upstream. */
export interface Peer {
  /** As in `--peers`. */
  readonly key: string;
  /** As in tables. */
  readonly label: string;
  /** Relays it is asked to hold in the memory figure; default all. */
  readonly maxRelays?: number;
  /** False for the routed path: the guest dials the upstream itself. */
  readonly proxies: boolean;
  /** Starts it on the plumbing of `BRIDGE`. It need not be ready when this resolves. */
  readonly start: (hypervisor: Hypervisor, setup: PeerSetup) => Promise<void>;
  /** Ends it in its own way; whatever is left is killed. */
  readonly stop?: (hypervisor: Hypervisor) => Promise<void>;
}
