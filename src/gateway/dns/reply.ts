import { type Answer, decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { type Address, parseAddress } from '../../model/address.ts';
import { canonicalServerName } from '../names/host.ts';
import { isRefusal } from '../names/refusal.ts';
import { wireOf } from '../names/wire.ts';

export type RecordType = 'A' | 'AAAA';

/** What a name server said about one name. TTLs are seconds, and those of the shortest-lived record on the way. */
export type Reply =
  | { readonly kind: 'addresses'; readonly addresses: readonly Address[]; readonly ttlS: number }
  /** The chain of CNAMEs leads out of what the server told: `name` is asked next. */
  | { readonly kind: 'alias'; readonly name: string; readonly ttlS: number }
  /** There is no such name, or it has no address of that kind. */
  | { readonly kind: 'none'; readonly ttlS: number | undefined }
  /** To be asked again over TCP. */
  | { readonly kind: 'truncated' }
  /** The server can't, or won't: the next one is asked. */
  | { readonly kind: 'failed' }
  /** No answer to this question: somebody guesses. The wait goes on. */
  | { readonly kind: 'stray' };

export interface Asked {
  readonly id: number;
  readonly name: string;
  readonly type: RecordType;
}

const MAX_ALIASES = 8;
const MAX_ADDRESSES = 32;
const HEADER_BYTES = 12;
/** The root, type and class; those of a record, with TTL and length. */
const MIN_QUESTION_BYTES = 5;
const MIN_RECORD_BYTES = 11;
const TRUNCATED = 0x0200;
const UDP_PAYLOAD_SIZE = 1232;

/** The id is the caller's, and random: with the port it is all that keeps guessers out. */
export function queryFor({ id, name, type }: Asked): Buffer {
  const option = {
    name: '.',
    type: 'OPT',
    udpPayloadSize: UDP_PAYLOAD_SIZE,
    ednsVersion: 0,
    flags: 0,
    options: [],
  };
  return encode({
    id,
    type: 'query',
    flags: RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: [option],
  });
}

/** Never throws. What can't be read is stray. */
export function readReply(bytes: Uint8Array, asked: Asked): Reply {
  try {
    return read(bytes, asked);
  } catch {
    return { kind: 'stray' };
  }
}

function read(bytes: Uint8Array, { id, name, type }: Asked): Reply {
  if (!canHold(bytes)) return { kind: 'stray' };
  const packet = decode(bytes);
  const [question, ...more] = packet.questions;
  if (packet.type !== 'response' || packet.id !== id || question === undefined || more.length > 0)
    return { kind: 'stray' };
  if (question.name.toLowerCase() !== name || question.type !== type || question.class !== 'IN')
    return { kind: 'stray' };
  if ((packet.flags & TRUNCATED) !== 0) return { kind: 'truncated' };
  const rcode = packet.flags & 15;
  if (rcode !== 0 && rcode !== 3) return { kind: 'failed' };
  const found = follow(packet.answers, name, type);
  if (found !== undefined) return found;
  const soa = packet.authorities?.find((record) => record.type === 'SOA');
  return { kind: 'none', ttlS: soa?.ttl };
}

/**
 * Whether there is room for as many records as the header says. The decoder makes lists of that length first: twelve forged bytes would
 * cost it milliseconds.
 */
function canHold(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES) return false;
  const count = (at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const records = count(6) + count(8) + count(10);
  return count(4) === 1 && HEADER_BYTES + MIN_QUESTION_BYTES + MIN_RECORD_BYTES * records <= bytes.length;
}

/** Along the CNAMEs of one answer; undefined: it says that there is nothing. */
function follow(records: readonly Answer[], asked: string, type: RecordType): Reply | undefined {
  let name = asked;
  let ttlS = Number.POSITIVE_INFINITY;
  for (let hop = 0; hop <= MAX_ALIASES; hop += 1) {
    const mine = records.filter((record) => record.class === 'IN' && record.name.toLowerCase() === name);
    const direct = mine.filter((record) => record.type === type).slice(0, MAX_ADDRESSES);
    if (direct.length > 0) {
      const addresses = direct.flatMap(({ data }) =>
        typeof data === 'string' ? (parseAddress(data) ?? []) : [],
      );
      return {
        kind: 'addresses',
        addresses,
        ttlS: Math.min(ttlS, ...direct.map((record) => record.ttl ?? 0)),
      };
    }
    const alias = mine.find((record) => record.type === 'CNAME');
    if (alias === undefined) return name === asked ? undefined : { kind: 'alias', name, ttlS };
    const target = typeof alias.data === 'string' ? canonicalServerName(wireOf(alias.data)) : undefined;
    if (target === undefined || isRefusal(target)) return { kind: 'failed' };
    name = target.text;
    ttlS = Math.min(ttlS, alias.ttl ?? 0);
  }
  return { kind: 'failed' };
}
