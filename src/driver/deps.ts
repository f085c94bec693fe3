import type { Endpoint } from '../model/endpoint.ts';
import type { Policing } from '../model/limits.ts';
import type { Service } from '../model/service.ts';
import type { Host } from '../system/host.ts';
import type { Run } from '../system/run.ts';
import type { AttachmentStore } from './attachments/attachments.ts';
import type { Daemons } from './daemons.ts';

/** Where the driver tells an operator what it does. */
export interface Reporter {
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

/** Host names to addresses; what does not resolve is told, never thrown. */
export type Resolve = (services: readonly Service[]) => Promise<{
  readonly endpoints: readonly Endpoint[];
  readonly failures: readonly {
    readonly service: Service;
    readonly reason: string;
    /** The name does not exist, says who has to know; else it may come back. */
    readonly unknown?: boolean;
  }[];
}>;

/** The driver's seams to the world; it acts in the network namespace in which these do: the root namespace. */
export interface DriverDeps {
  readonly run: Run;
  readonly host: Host;
  readonly daemons: Daemons;
  readonly attachments: AttachmentStore;
  readonly resolve: Resolve;
  readonly report: Reporter;
  /** What ports of bridges may send; undefined: nobody knows, so what is in force stays. */
  readonly policing: Policing | undefined;
  /** Holds the one lock of this host while the function runs. */
  readonly withLock: <T>(fn: () => Promise<T>) => Promise<T>;
}
