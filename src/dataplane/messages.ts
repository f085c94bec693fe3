import type { Configure, Hello, Listening } from './handover.ts';
import type { Refusal } from './refusals.ts';

/** A listener's connection to the forwarder; counted up within a worker, never reused. */
export type LinkId = number;

/** Time limits, in milliseconds; 0: off. */
export interface Limits {
  readonly connectMs: number;
  readonly lingerMs: number;
  readonly idleMs: number;
  readonly keepaliveS: number;
  readonly admission: AdmissionLimits;
}

/** Connections at once, and new ones per second; 0: no limit. */
export interface AdmissionLimits {
  /** Of one guest address on one bridge. */
  readonly guestConnections: number;
  readonly guestRate: number;
  /** `guestRate` counts only while other guests use the data plane too. */
  readonly guestRateIsSoft: boolean;
  /** Of all guests of a bridge. */
  readonly bridgeConnections: number;
  readonly bridgeRate: number;
}

/** Where connections to a service port of a bridge go. The address is a number. */
export interface Route {
  readonly servicePort: number;
  readonly ip: number;
  readonly port: number;
  /** The upstream is told who the guest is. */
  readonly proxyV2: boolean;
  /** This service's own limits per guest, in place of the general ones; 0: none. */
  readonly guestConnections: number | undefined;
  readonly guestRate: number | undefined;
}

/** From the forwarder's main thread to its data plane. Descriptors are numbers of the process they share. */
export type ToWorker =
  /** Take connections of listeners on the listening socket `fd`, which belongs to the worker from now on, and on no earlier one. */
  | { readonly type: 'serve'; readonly bridge: string; readonly bridgeId: number; readonly fd: number }
  /** Close the bridge's socket and its listeners' connections; living relays go on. */
  | { readonly type: 'withdraw'; readonly bridgeId: number }
  /** The bridge's netns was replaced: its sockets are of no use any more. */
  | { readonly type: 'forget-sockets'; readonly bridgeId: number }
  | { readonly type: 'routes'; readonly bridgeId: number; readonly routes: readonly Route[] }
  /** Accept what this listener says from now on. It gets its ports, with the sockets kept for them. */
  | {
      readonly type: 'configure';
      readonly link: LinkId;
      readonly body: Pick<Configure, 'ports' | 'logLevel'>;
      /** Inode of the netns that the listener lives in. */
      readonly netns: number;
    }
  | { readonly type: 'exit' | 'drop' | 'ping'; readonly link: LinkId }
  | { readonly type: 'limits'; readonly limits: Limits }
  | { readonly type: 'count'; readonly id: number }
  /** Tell of every living relay. */
  | { readonly type: 'list'; readonly id: number }
  /** Tell what living relays have moved so far, per service or per service and guest. */
  | { readonly type: 'sum'; readonly id: number; readonly byGuest: boolean }
  /** Tell when the last relay has ended. */
  | { readonly type: 'drain' }
  /** End all relays now. */
  | { readonly type: 'cut' };

export type FromWorker =
  | {
      readonly type: 'hello';
      readonly link: LinkId;
      readonly bridgeId: number;
      readonly pid: number;
      readonly body: Hello;
    }
  | {
      readonly type: 'listening';
      readonly link: LinkId;
      readonly bridgeId: number;
      readonly body: Pick<Listening, 'ports' | 'failures'>;
    }
  | { readonly type: 'pong'; readonly link: LinkId; readonly bridgeId: number }
  | { readonly type: 'gone'; readonly link: LinkId; readonly bridgeId: number; readonly reason: string }
  | { readonly type: 'records'; readonly records: Float64Array }
  /** Connections that were refused since it was said last, at most once a second. */
  | { readonly type: 'refused'; readonly refusals: readonly Refusal[] }
  | {
      readonly type: 'counted';
      readonly id: number;
      readonly relays: number;
      readonly byBridge: readonly BridgeCount[];
    }
  /** `readSums` reads them. What had finished by then was told before. */
  | { readonly type: 'summed'; readonly id: number; readonly sums: Float64Array }
  /** Living relays as records of what they have done so far; `readRecords` reads them. */
  | { readonly type: 'listed'; readonly id: number; readonly relays: Float64Array }
  /** A bridge that was withdrawn has no relay left; nothing more will be told of it. */
  | { readonly type: 'forgotten'; readonly bridgeId: number }
  | { readonly type: 'drained' };

/** What a listener says, or what became of it. */
export type LinkMessage = Extract<FromWorker, { readonly link: LinkId }>;

export interface BridgeCount {
  readonly bridgeId: number;
  /** Living relays. */
  readonly relays: number;
}

/** What a worker is started with. */
export interface WorkerData {
  readonly limits: Limits;
  /** Descriptors the process may open. */
  readonly descriptorLimit: number;
}
