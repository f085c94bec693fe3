import type { Policing } from '../model/limits.ts';
import type { Host } from '../system/host.ts';
import type { Run } from '../system/run.ts';
import type { AddressBook } from './addresses.ts';
import type { AttachmentStore } from './attachments/attachments.ts';
import type { Daemons } from './daemons.ts';
import type { NftAbility } from './nft-ability.ts';

/** Where the driver tells an operator what it does. */
export interface Reporter {
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

/** The driver's seams to the world; it acts in the network namespace in which these do: the root namespace. */
export interface DriverDeps {
  readonly run: Run;
  readonly host: Host;
  readonly daemons: Daemons;
  readonly attachments: AttachmentStore;
  readonly addresses: AddressBook;
  readonly report: Reporter;
  /** What ports of bridges may send; undefined: nobody knows, so what is in force stays. */
  readonly policing: Policing | undefined;
  /** What the nft at hand can carry; looked at once. */
  readonly nft: () => Promise<NftAbility>;
  /** Holds the one lock of this host while the function runs. */
  readonly withLock: <T>(fn: () => Promise<T>) => Promise<T>;
}
