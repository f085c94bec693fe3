import type { Configure, Hello, Listening } from './handover.ts';
import type { Refusal } from './refusals.ts';

/** A listener's connection to the forwarder; counted up within a data plane, never reused. */
export type SessionId = number;

/** What it needs of the settings: time limits (0: off), and how many connections there may be. */
export interface DataPlaneSettings {
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
export interface ServiceRoute {
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
export type ToDataPlane =
  /** Take connections of listeners on the listening socket `fd`, which belongs to the data plane from now on, and on no earlier one. */
  | { readonly type: 'serve'; readonly bridge: string; readonly bridgeId: number; readonly fd: number }
  /** Close the bridge's socket and its listeners' connections; living relays go on. */
  | { readonly type: 'withdraw'; readonly bridgeId: number }
  /** The bridge's netns was replaced: its sockets are of no use any more. */
  | { readonly type: 'forget-sockets'; readonly bridgeId: number }
  | { readonly type: 'routes'; readonly bridgeId: number; readonly routes: readonly ServiceRoute[] }
  /** Accept what this listener says from now on. It gets its ports, with the sockets kept for them. */
  | {
      readonly type: 'configure';
      readonly session: SessionId;
      readonly body: Pick<Configure, 'ports' | 'logLevel'>;
      /** Inode of the netns that the listener lives in. */
      readonly netns: number;
    }
  | { readonly type: 'exit' | 'drop' | 'ping'; readonly session: SessionId }
  | { readonly type: 'settings'; readonly settings: DataPlaneSettings }
  | { readonly type: 'count'; readonly id: number }
  /** Tell of every living relay. */
  | { readonly type: 'list'; readonly id: number }
  /** Tell what living relays have moved so far, per service or per service and guest. */
  | { readonly type: 'sum'; readonly id: number; readonly byGuest: boolean }
  /** Tell when the last relay has ended. */
  | { readonly type: 'drain' }
  /** End all relays now. */
  | { readonly type: 'cut' };

export type FromDataPlane =
  | {
      readonly type: 'hello';
      readonly session: SessionId;
      readonly bridgeId: number;
      readonly pid: number;
      readonly body: Hello;
    }
  | {
      readonly type: 'listening';
      readonly session: SessionId;
      readonly bridgeId: number;
      readonly body: Pick<Listening, 'ports' | 'failures'>;
    }
  | { readonly type: 'pong'; readonly session: SessionId; readonly bridgeId: number }
  | { readonly type: 'gone'; readonly session: SessionId; readonly bridgeId: number; readonly reason: string }
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
export type SessionMessage = Extract<FromDataPlane, { readonly session: SessionId }>;

export interface BridgeCount {
  readonly bridgeId: number;
  /** Living relays. */
  readonly relays: number;
}

/** What a data plane is started with. */
export interface DataPlaneData {
  readonly settings: DataPlaneSettings;
  /** Descriptors the process may open. */
  readonly descriptorLimit: number;
}
