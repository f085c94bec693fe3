import { decode } from 'dns-packet';
import type { Ipv4 } from '../../model/ipv4.ts';
import { canonicalServerName } from '../names/host.ts';
import { isRefusal } from '../names/refusal.ts';
import { wireOf } from '../names/wire.ts';

/** The address that stands for a name in its canonical form; undefined when there is none to be had, which is refused. */
export type AddressOfName = (name: string) => Ipv4 | undefined;

const HEADER = 12;
const QUERY_OPCODE = 0;
const IN = 1;
const A = 1;
const OPT = 41;
/** AAAA, SVCB, HTTPS: there is such a name, and nothing of that kind, so that guests go on with A at once. */
const NO_DATA = new Set([28, 64, 65]);
const Rcode = { noError: 0, formErr: 1, refused: 5 } as const;
/** Extended: the upper eight bits of 16. */
const BAD_VERSION = 1;
/** Without fragments on any path (DNS flag day 2020). Our answers are shorter than 512 bytes, so none is ever truncated. */
const UDP_PAYLOAD_SIZE = 1232;
const RESPONSE = 0x8000;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;

interface Query {
  /** As it came, to be sent back byte for byte. */
  readonly question: Buffer;
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly edns: { readonly version: number } | undefined;
}

/**
 * The answer to what a guest sent to port 53; undefined for what deserves none. Nothing is asked anywhere: A has the
 * synthetic address of the name, AAAA, SVCB and HTTPS have no data, everything else is refused. Never throws.
 */
export function answerQuery(bytes: Uint8Array, ttlS: number, addressOf: AddressOfName): Buffer | undefined {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // An answer to an answer would go round for ever.
  if (message.length < HEADER || (message.readUInt16BE(2) & RESPONSE) !== 0) return undefined;
  const opcode = (message.readUInt16BE(2) >> 11) & 15;
  if (opcode !== QUERY_OPCODE) return respond(message, Rcode.refused);
  const query = readQuery(message);
  if (query === undefined) return respond(message, Rcode.formErr);
  if (query.edns !== undefined && query.edns.version > 0) return respond(message, Rcode.noError, query);
  if (query.class !== IN) return respond(message, Rcode.refused, query);
  const host = canonicalServerName(wireOf(query.name));
  if (isRefusal(host)) return respond(message, Rcode.refused, query);
  if (NO_DATA.has(query.type)) return respond(message, Rcode.noError, query);
  const address = query.type === A ? addressOf(host.text) : undefined;
  if (address === undefined) return respond(message, Rcode.refused, query);
  return respond(message, Rcode.noError, query, addressRecord(address, ttlS));
}

/** One question and nothing else but EDNS; undefined when it is malformed, or can be read in two ways. */
function readQuery(message: Buffer): Query | undefined {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > 2) return undefined;
  const end = endOfName(message);
  if (end === undefined || end + 4 > message.length) return undefined;
  try {
    const packet = decode(message);
    const options = packet.additionals.filter(({ type }) => type === 'OPT');
    const [option, ...more] = options;
    if (more.length > 0) return undefined;
    return {
      question: message.subarray(HEADER, end + 4),
      name: packet.questions[0]?.name ?? '',
      type: message.readUInt16BE(end),
      class: message.readUInt16BE(end + 2),
      edns: option && { version: option.ednsVersion ?? 0 },
    };
  } catch {
    return undefined;
  }
}

/**
 * Where the name of the question ends. A pointer has nothing to point to there, and a dot inside of a label is a name that
 * nobody can write.
 */
function endOfName(message: Buffer): number | undefined {
  for (let at = HEADER; at < message.length; ) {
    const length = message[at] ?? 0;
    if (length === 0) return at + 1;
    if (length > 63 || message.subarray(at + 1, at + 1 + length).includes(0x2e)) return undefined;
    at += 1 + length;
  }
  return undefined;
}

/** Question and records behind a header with the id of the query. */
function respond(message: Buffer, rcode: number, query?: Query, record?: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  const asked = message.readUInt16BE(2);
  header.writeUInt16BE(message.readUInt16BE(0), 0);
  header.writeUInt16BE(
    RESPONSE | (asked & 0x7800) | (asked & RECURSION_DESIRED) | RECURSION_AVAILABLE | rcode,
    2,
  );
  header.writeUInt16BE(query === undefined ? 0 : 1, 4);
  header.writeUInt16BE(record === undefined ? 0 : 1, 6);
  header.writeUInt16BE(query?.edns === undefined ? 0 : 1, 10);
  const parts = [header, query?.question, record, query?.edns && optionRecord(query.edns.version)];
  return Buffer.concat(parts.filter((part) => part !== undefined));
}

function addressRecord(address: Ipv4, ttlS: number): Buffer {
  const record = Buffer.alloc(16);
  // The name is that of the question, in the guest's own spelling.
  record.writeUInt16BE(0xc000 | HEADER, 0);
  record.writeUInt16BE(A, 2);
  record.writeUInt16BE(IN, 4);
  record.writeUInt32BE(ttlS, 6);
  record.writeUInt16BE(4, 10);
  record.writeUInt32BE(address, 12);
  return record;
}

/** RFC 6891: version 0 is all that we speak. */
function optionRecord(asked: number): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(OPT, 1);
  record.writeUInt16BE(UDP_PAYLOAD_SIZE, 3);
  record.writeUInt8(asked > 0 ? BAD_VERSION : 0, 5);
  return record;
}
