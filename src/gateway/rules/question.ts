import type { Authority } from '../names/authority.ts';
import type { Path } from '../names/path.ts';

/** What is asked before a request is known: CONNECT, a TLS server name, a dialled address. */
export type Connection = Authority;

/** One request, in the form in which it is sent if it is allowed. */
export interface Request extends Connection {
  /** As it was sent: methods are case-sensitive. */
  readonly method: string;
  readonly path: Path;
}
