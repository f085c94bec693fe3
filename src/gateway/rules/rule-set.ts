import { createHash, timingSafeEqual } from 'node:crypto';
import { type Client, type ClientDefinition, compileClient, isAt, type Place } from './client.ts';
import type { Shown } from './credentials.ts';

/** Who a guest is, and by what; or nobody, and why. */
export type Identity =
  | { readonly client: Client; readonly by: 'token' | 'vm' | 'network' }
  | { readonly client: undefined; readonly because: 'nothing-shown' | 'wrong-token' | 'wrong-place' };

/** The clients of one rule file. It never changes; a new file is a new rule set. */
export interface RuleSet {
  readonly clients: ReadonlyMap<string, Client>;
  readonly identify: (place: Place, shown: Shown) => Identity;
}

/** Before a rule file has been read: everybody is nobody. */
export const NO_RULES: RuleSet = compileRuleSet([]);

/** Of two clients with one name, or with one token, the first counts; the reader of the file makes it an error. */
export function compileRuleSet(definitions: readonly ClientDefinition[]): RuleSet {
  const clients = new Map<string, Client>();
  for (const definition of definitions) {
    if (!clients.has(definition.name)) clients.set(definition.name, compileClient(definition));
  }
  const order = new Map([...clients.values()].map((client, at) => [client, at]));
  const orderOf = (client: Client) => order.get(client) ?? 0;
  const byVm = new Map<string, Client[]>();
  const byNetwork = new Map<string, Client[]>();
  /** By the first bytes of the hash. Those tell nothing about the token, so that the way to them may take its time. */
  const byHash = new Map<string, Client[]>();
  for (const client of clients.values()) {
    for (const vm of client.vms ?? []) append(byVm, vm, client);
    if (client.vms === undefined)
      for (const network of client.networks ?? []) append(byNetwork, network, client);
    if (client.tokenHash !== undefined) append(byHash, bucketOf(client.tokenHash), client);
  }
  return { clients, identify };

  function identify(place: Place, shown: Shown): Identity {
    if (shown.kind === 'unreadable') return { client: undefined, because: 'wrong-token' };
    if (shown.kind === 'nothing') return byPlace(place) ?? { client: undefined, because: 'nothing-shown' };
    const client = byToken(shown.token, shown.name);
    if (client === undefined) return { client: undefined, because: 'wrong-token' };
    if (isAt(client, place)) return { client, by: 'token' };
    return byPlace(place) ?? { client: undefined, because: 'wrong-place' };
  }

  /** The comparison takes as long for a wrong token as for a right one, and for a name that there is not. */
  function byToken(token: string, name: string | undefined): Client | undefined {
    const hash = createHash('sha256').update(token).digest();
    let found: Client | undefined;
    for (const client of byHash.get(bucketOf(hash)) ?? []) {
      const same = client.tokenHash !== undefined && sameHash(client.tokenHash, hash);
      if (same && found === undefined) found = client;
    }
    return name === undefined || found?.name === name ? found : undefined;
  }

  function byPlace(place: Place): Identity | undefined {
    const ofVm = (byVm.get(place.vm ?? '') ?? []).filter((client) => isAt(client, place));
    // Both narrow, so a client with both is the more particular one.
    const vmClient = ofVm.find(({ networks }) => networks !== undefined) ?? ofVm[0];
    if (vmClient !== undefined) return { client: vmClient, by: 'vm' };
    const ofNetwork = [place.network, place.networkId].flatMap((key) => byNetwork.get(key ?? '') ?? []);
    const [first, ...others] = ofNetwork;
    if (first === undefined) return undefined;
    const client = others.reduce((one, other) => (orderOf(other) < orderOf(one) ? other : one), first);
    return { client, by: 'network' };
  }
}

/** `sha256:` and 64 hexadecimal digits, as a rule file has it. */
export function parseTokenHash(text: string): Buffer | undefined {
  const hex = /^sha256:([0-9a-f]{64})$/i.exec(text)?.[1];
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}

function sameHash(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function bucketOf(hash: Buffer): string {
  return hash.toString('latin1', 0, 4);
}

function append(map: Map<string, Client[]>, key: string, client: Client): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [client]);
  else list.push(client);
}
