import type { Nic } from '../model/nic.ts';

/** A NIC that gets no services here, and why. */
export interface SkippedNic {
  readonly nicId: string;
  readonly vnMad?: string;
  /** `info`: as it should be. `error`: somebody has to correct the network or the template. */
  readonly level: 'info' | 'error';
  /** Ends the sentence "NIC 3 passed over: …". */
  readonly reason: string;
}

/** What a VNM hook gets to know of a VM. */
export interface VmTemplate {
  readonly vmId: string;
  readonly vmName?: string;
  /** Every NIC on a Linux bridge, in the order of the template. */
  readonly nics: readonly Nic[];
  readonly skipped: readonly SkippedNic[];
  /** A NIC alias is being attached or detached: it lives on its parent's bridge, so there is nothing to do. */
  readonly aliasAttach: boolean;
  /** The one NIC (PCI included) that is being attached or detached; undefined: all of the VM's. */
  readonly attachNicId?: string;
}
