import type { Address } from '../../model/address.ts';
import { answerCache, type Cache } from './cache.ts';
import { type Asked, queryFor, type RecordType, type Reply, readReply } from './reply.ts';

/** One question to one name server. */
export interface Attempt {
  readonly server: string;
  readonly transport: 'udp' | 'tcp';
  readonly timeoutMs: number;
}

/** What the resolver can't do itself. */
export interface ResolverHands {
  /**
   * Sends a query and gives every datagram (or message) from that server to `accept` until it takes one. Undefined: none was
   * taken in time, or the server can't be reached. Does not throw.
   */
  readonly exchange: (
    attempt: Attempt,
    query: Uint8Array,
    accept: (answer: Uint8Array) => boolean,
  ) => Promise<void>;
  /** 0 to 65 535, unpredictable. */
  readonly randomId: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

export type Resolution =
  | { readonly kind: 'addresses'; readonly addresses: readonly Address[] }
  /** There is no such name, or it has no address. */
  | { readonly kind: 'none' }
  /** No server has answered, or none could. */
  | { readonly kind: 'failed'; readonly because: 'no-server' | 'no-answer' | 'alias-loop' };

/** Questions in a row for one name, each along a chain of aliases of its own. */
const MAX_QUESTIONS = 8;
/** Rounds over all servers; each waits for twice as long. */
const ROUND_TIMEOUTS_MS = [1000, 2000, 4000];

/** Every server once in each round, as a resolv.conf orders them. */
export function schedule(servers: readonly string[]): Attempt[] {
  return ROUND_TIMEOUTS_MS.flatMap((timeoutMs) =>
    servers.map((server) => ({ server, transport: 'udp', timeoutMs }) as const),
  );
}

/** Addresses of one kind of a name in canonical form. One question for each name at a time, whoever asks. */
export function resolver(
  servers: readonly string[],
  hands: ResolverHands,
  cache: Cache = answerCache(),
): (name: string, type: RecordType) => Promise<Resolution> {
  const underway = new Map<string, Promise<Resolution>>();

  return (name, type) => {
    const key = `${type} ${name}`;
    const known = cache.get(key, hands.nowMs());
    if (known !== undefined) return Promise.resolve(resolutionOf(known));
    const running = underway.get(key);
    if (running !== undefined) return running;
    const started = resolve(name, type, key).finally(() => underway.delete(key));
    underway.set(key, started);
    return started;
  };

  async function resolve(name: string, type: RecordType, key: string): Promise<Resolution> {
    if (servers.length === 0) return { kind: 'failed', because: 'no-server' };
    let asked = name;
    let ttlS = Number.POSITIVE_INFINITY;
    for (let questions = 0; questions < MAX_QUESTIONS; questions += 1) {
      const reply = await ask(asked, type);
      if (reply === undefined) return { kind: 'failed', because: 'no-answer' };
      if (reply.kind === 'alias') {
        asked = reply.name;
        ttlS = Math.min(ttlS, reply.ttlS);
        continue;
      }
      const addresses = reply.kind === 'addresses' ? reply.addresses : [];
      const shortest = reply.ttlS === undefined ? undefined : Math.min(ttlS, reply.ttlS);
      cache.put(key, addresses, shortest, hands.nowMs());
      return resolutionOf(addresses);
    }
    return { kind: 'failed', because: 'alias-loop' };
  }

  /** The first answer that says something. */
  async function ask(name: string, type: RecordType): Promise<Final | undefined> {
    for (const attempt of schedule(servers)) {
      let reply = await exchange(attempt, name, type);
      if (reply?.kind === 'truncated') reply = await exchange({ ...attempt, transport: 'tcp' }, name, type);
      if (reply !== undefined && isFinal(reply)) return reply;
    }
    return undefined;
  }

  async function exchange(attempt: Attempt, name: string, type: RecordType): Promise<Reply | undefined> {
    // A new id each time: a late answer to an earlier attempt is no answer to this one.
    const asked: Asked = { id: hands.randomId(), name, type };
    let taken: Reply | undefined;
    await hands.exchange(attempt, queryFor(asked), (answer) => {
      const reply = readReply(answer, asked);
      if (reply.kind === 'stray') return false;
      taken = reply;
      return true;
    });
    return taken;
  }
}

type Final = Extract<Reply, { kind: 'addresses' | 'alias' | 'none' }>;

function isFinal(reply: Reply): reply is Final {
  return reply.kind === 'addresses' || reply.kind === 'alias' || reply.kind === 'none';
}

function resolutionOf(addresses: readonly Address[]): Resolution {
  return addresses.length === 0 ? { kind: 'none' } : { kind: 'addresses', addresses };
}
