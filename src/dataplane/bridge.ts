import type { Link } from './link.ts';
import type { Route } from './messages.ts';
import type { Registration } from './reactor.ts';
import type { Relay } from './relay.ts';

/** What the data plane knows of a bridge. */
export interface Bridge {
  readonly id: number;
  readonly name: string;
  /** Service port → where its connections go. */
  routes: ReadonlyMap<number, Route>;
  readonly relays: Set<Relay>;
  readonly links: Set<Link>;
  /** The bridge's listening unix socket. */
  socket: { readonly fd: number; readonly registration: Registration } | undefined;
}
