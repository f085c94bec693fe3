import { Guests } from './guests.ts';
import type { Route } from './messages.ts';
import { Pace } from './pace.ts';
import type { Registration } from './reactor.ts';
import type { Relay } from './relay.ts';
import { ServiceSockets, type ServiceSocketsHost } from './service-sockets.ts';

/** The connection of a listener, as far as its bridge knows it. */
export interface BridgeSession {
  /** It has not said yet who it is. */
  readonly isSilent: boolean;
  close(reason: string): void;
}

/** What the data plane knows of a bridge. */
export class Bridge {
  readonly id: number;
  readonly name: string;
  /** Service port → where its connections go. */
  routes: ReadonlyMap<number, Route> = new Map();
  readonly relays = new Set<Relay>();
  readonly guests: Guests;
  /** Of all its guests' new connections. */
  readonly pace = new Pace();
  /** Listening sockets in its netns. */
  readonly sockets: ServiceSockets<Bridge>;
  /** Connections of its listeners. */
  readonly links = new Set<BridgeSession>();
  /** Where its listeners connect to; undefined once it was withdrawn. */
  meeting: { readonly fd: number; registration: Registration } | undefined = undefined;

  constructor(host: ServiceSocketsHost<Bridge>, name: string, id: number) {
    this.id = id;
    this.name = name;
    this.guests = new Guests(id);
    this.sockets = new ServiceSockets(host, this);
  }
}
