import { isIPv4 } from 'node:net';
import type { Resolved, Service } from '../model/service.ts';

/** Asks for host names; what does not resolve is told, never thrown. Every name is in the answer. */
export type ResolveNames = (names: readonly string[]) => Promise<ReadonlyMap<string, Resolved>>;

/**
 * Where services lead, as far as anybody has asked. Each name is asked for once in a command: a name server may take
 * seconds, so what is known to be needed is learnt before the lock is taken, and costs nothing while it is held.
 */
export class AddressBook {
  private readonly resolve: ResolveNames;
  private readonly known = new Map<string, Resolved>();

  constructor(resolve: ResolveNames) {
    this.resolve = resolve;
  }

  /** Asks for the host names of these services that nobody has asked for yet. */
  async learn(services: readonly Service[]): Promise<void> {
    const names = services.map(({ remoteAddr }) => remoteAddr);
    const unknown = new Set(names.filter((name) => !isIPv4(name) && !this.known.has(name)));
    if (unknown.size === 0) return;
    for (const [name, resolved] of await this.resolve([...unknown])) this.known.set(name, resolved);
  }

  /** Of a service that was learnt. */
  addressOf({ remoteAddr }: Service): Resolved {
    if (isIPv4(remoteAddr)) return { address: remoteAddr };
    return this.known.get(remoteAddr) ?? { reason: `${remoteAddr}: nobody has asked for it` };
  }
}
