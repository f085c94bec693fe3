import type { Configure, Hello, Listening } from './handover.ts';

/** A listener's connection to the forwarder; counted up within a worker, never reused. */
export type LinkId = number;

/** Time limits, in milliseconds; 0: off. */
export interface Limits {
  readonly connectMs: number;
  readonly lingerMs: number;
  readonly idleMs: number;
  readonly keepaliveS: number;
}

/** Where connections to a service port of a bridge go. The address is a number. */
export interface Route {
  readonly servicePort: number;
  readonly ip: number;
  readonly port: number;
}

/** From the forwarder's main thread to its data plane. Descriptors are numbers of the process they share. */
export type ToWorker =
  /** Take connections of listeners on the listening socket `fd`, which belongs to the worker from now on. */
  | { readonly type: 'serve'; readonly bridge: string; readonly bridgeId: number; readonly fd: number }
  /** Close the bridge's socket and its listeners' connections; living relays go on. */
  | { readonly type: 'withdraw'; readonly bridgeId: number }
  | { readonly type: 'routes'; readonly bridgeId: number; readonly routes: readonly Route[] }
  /** Accept what this listener says from now on. */
  | {
      readonly type: 'configure';
      readonly link: LinkId;
      readonly body: Configure;
      readonly fds: readonly number[];
    }
  | { readonly type: 'pause' | 'exit' | 'drop' | 'ping'; readonly link: LinkId }
  | { readonly type: 'limits'; readonly limits: Limits }
  | { readonly type: 'count'; readonly id: number }
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
      readonly uid: number;
      readonly body: Hello;
      /** Sockets of `body.ports`, in this order. */
      readonly fds: readonly number[];
    }
  | {
      readonly type: 'listening';
      readonly link: LinkId;
      readonly bridgeId: number;
      readonly body: Listening;
      readonly fds: readonly number[];
    }
  | { readonly type: 'paused' | 'pong'; readonly link: LinkId; readonly bridgeId: number }
  | { readonly type: 'gone'; readonly link: LinkId; readonly bridgeId: number; readonly reason: string }
  | { readonly type: 'records'; readonly records: Float64Array }
  | {
      readonly type: 'counted';
      readonly id: number;
      readonly relays: number;
      readonly byBridge: readonly BridgeCount[];
    }
  | { readonly type: 'drained' };

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
