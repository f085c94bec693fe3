import { Guests } from './guests.ts';
import type { Link } from './link.ts';
import type { Route } from './messages.ts';
import { Pace } from './pace.ts';
import type { Registration } from './reactor.ts';
import type { Relay } from './relay.ts';
import { ServiceSockets, type ServiceSocketsHost } from './service-sockets.ts';

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
  readonly sockets: ServiceSockets;
  /** Connections of its listeners. */
  readonly links = new Set<Link>();
  /** Where its listeners connect to; undefined once it was withdrawn. */
  meeting: { readonly fd: number; registration: Registration } | undefined = undefined;

  constructor(host: ServiceSocketsHost, name: string, id: number) {
    this.id = id;
    this.name = name;
    this.guests = new Guests(id);
    this.sockets = new ServiceSockets(host, this);
  }
}
