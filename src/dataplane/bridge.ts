import { Guests } from './guests.ts';
import type { ServiceRoute } from './messages.ts';
import type { Registration } from './reactor.ts';
import type { Relay } from './relay.ts';
import { ServiceSockets, type ServiceSocketsOwner } from './service-sockets.ts';
import { TokenBucket } from './token-bucket.ts';

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
  routes: ReadonlyMap<number, ServiceRoute> = new Map();
  readonly relays = new Set<Relay>();
  readonly guests: Guests;
  /** Of all its guests' new connections. */
  readonly bucket = new TokenBucket();
  /** Listening sockets in its netns. */
  readonly sockets: ServiceSockets<Bridge>;
  /** Connections of its listeners. */
  readonly sessions = new Set<BridgeSession>();
  /** Where its listeners connect to; undefined once it was withdrawn. */
  meeting: { readonly fd: number; registration: Registration } | undefined = undefined;

  constructor(owner: ServiceSocketsOwner<Bridge>, name: string, id: number) {
    this.id = id;
    this.name = name;
    this.guests = new Guests(id);
    this.sockets = new ServiceSockets(owner, this);
  }
}
