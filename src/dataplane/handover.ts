import { TproxyError } from '../errors.ts';
import { incoming, MESSAGE_BYTES, outgoing } from '../linux/message.ts';

/**
 * What listener and forwarder say to each other over a bridge's socket, a message each:
 *
 *   listener                              forwarder
 *     Hello {ports} + their sockets  ──►            after each connect
 *                                    ◄──  Configure {ports} + sockets kept for it
 *     Listening {ports, failures} + new sockets ──►
 *     Connections × n + n descriptors ──►
 *                                    ◄──  Taken n     the listener closes its copies
 *                                    ◄──  Pause
 *     Paused                         ──►            nothing follows until Configure
 *                                    ◄──  Exit
 *                                    ◄──  Ping
 *     Pong                           ──►            a listener that stays silent is hung
 *
 * A connection that was not acknowledged by `Taken` was not touched: it is handed over again to the next forwarder.
 */
export const MessageType = {
  hello: 1,
  listening: 2,
  connections: 3,
  paused: 4,
  pong: 5,
  configure: 16,
  taken: 17,
  pause: 18,
  exit: 19,
  ping: 20,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Raised when a message changes its meaning; both sides refuse another one. */
export const PROTOCOL_VERSION = 1;

/** Descriptors handed over in one message. */
export const CONNECTIONS_PER_MESSAGE = 64;

/** Listening sockets in one message; a bridge with more services keeps its others in the listener alone. */
export const SOCKETS_PER_MESSAGE = 250;

export interface Hello {
  readonly bridge: string;
  /** Ports it listens on; their sockets come with the message, in this order. */
  readonly ports: readonly number[];
}

export interface Configure {
  /** Ports to listen on; all others are closed. */
  readonly ports: readonly number[];
  /** Those of `ports` whose listening sockets come with the message, in this order. */
  readonly sockets: readonly number[];
  /** Idle seconds before TCP probes the guest; 0: never. */
  readonly keepaliveS: number;
  /** 0 = ERROR … 3 = DEBUG. */
  readonly logLevel: number;
}

export interface Listening {
  /** All ports that accept now. */
  readonly ports: readonly number[];
  /** Those of `ports` whose sockets come with the message, in this order. */
  readonly sockets: readonly number[];
  readonly failures: readonly { readonly port: number; readonly reason: string }[];
}

// type (1), version (1), count (2), then JSON or records of
// service port (2), guest port (2), guest address (4).
const HEADER_BYTES = 4;
const RECORD_BYTES = 8;

function writeHeader(type: MessageType, count: number): void {
  outgoing.view.setUint8(0, type);
  outgoing.view.setUint8(1, PROTOCOL_VERSION);
  outgoing.view.setUint16(2, count);
}

/** Length of a message with no body, written into `outgoing`. */
export function writeBare(type: MessageType, count = 0): number {
  writeHeader(type, count);
  return HEADER_BYTES;
}

/** Length of a message with a JSON body, written into `outgoing`. Throws when it does not fit. */
export function writeJson(type: MessageType, body: Hello | Configure | Listening): number {
  const text = JSON.stringify(body);
  const length = HEADER_BYTES + Buffer.byteLength(text);
  if (length > MESSAGE_BYTES) {
    throw new TproxyError(`hand-over: message of ${length} bytes, ${MESSAGE_BYTES} fit`, {
      code: 'PROTOCOL',
    });
  }
  writeHeader(type, 0);
  outgoing.bytes.write(text, HEADER_BYTES);
  return length;
}

/** A guest's connection under way. */
export interface Arrival {
  readonly fd: number;
  readonly servicePort: number;
  readonly guestIp: number;
  readonly guestPort: number;
}

/** Length of a `connections` message for `arrivals[from … from + count - 1]`, written into `outgoing`. */
export function writeConnections(arrivals: readonly Arrival[], from: number, count: number): number {
  writeHeader(MessageType.connections, count);
  const { view } = outgoing;
  let at = HEADER_BYTES;
  for (let i = from; i < from + count; i++) {
    const arrival = arrivals[i];
    if (arrival === undefined) break;
    view.setUint16(at, arrival.servicePort);
    view.setUint16(at + 2, arrival.guestPort);
    view.setUint32(at + 4, arrival.guestIp);
    at += RECORD_BYTES;
  }
  return at;
}

/** Type of the message of `length` bytes in `incoming`. Throws when it is none of this version. */
export function readType(length: number): number {
  if (length < HEADER_BYTES)
    throw new TproxyError(`hand-over: message of ${length} bytes`, { code: 'PROTOCOL' });
  const version = incoming.view.getUint8(1);
  if (version !== PROTOCOL_VERSION) {
    throw new TproxyError(
      `hand-over: version ${version} spoken, ${PROTOCOL_VERSION} understood; run tproxy restart`,
      {
        code: 'PROTOCOL',
      },
    );
  }
  return incoming.view.getUint8(0);
}

export function readCount(): number {
  return incoming.view.getUint16(2);
}

/** Body of the message of `length` bytes in `incoming`; its shape is for the caller to check. */
export function readJson(length: number): unknown {
  try {
    return JSON.parse(incoming.bytes.toString('utf8', HEADER_BYTES, length));
  } catch (cause) {
    throw new TproxyError('hand-over: message body is no JSON', { code: 'PROTOCOL', cause });
  }
}

/** The connections of the message of `length` bytes in `incoming`, joined with its descriptors. Throws when they don't match. */
export function readConnections(length: number, descriptors: readonly number[]): Arrival[] {
  const count = readCount();
  if (count !== descriptors.length || length !== HEADER_BYTES + count * RECORD_BYTES) {
    throw new TproxyError(
      `hand-over: ${count} connections announced, ${descriptors.length} descriptors came`,
      {
        code: 'PROTOCOL',
      },
    );
  }
  const { view } = incoming;
  return descriptors.map((fd, i) => {
    const at = HEADER_BYTES + i * RECORD_BYTES;
    return {
      fd,
      servicePort: view.getUint16(at),
      guestPort: view.getUint16(at + 2),
      guestIp: view.getUint32(at + 4),
    };
  });
}

/** True for a list of TCP ports. */
function isPorts(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.every((port) => Number.isInteger(port) && (port as number) > 0 && (port as number) < 65536)
  );
}

function isFailures(value: unknown): value is Listening['failures'] {
  return (
    Array.isArray(value) &&
    value.every((failure) => isPorts([failure?.port]) && typeof failure.reason === 'string')
  );
}

function malformed(what: string): never {
  throw new TproxyError(`hand-over: malformed ${what}`, { code: 'PROTOCOL' });
}

export function parseHello(body: unknown): Hello {
  const { bridge, ports } = (body ?? {}) as Partial<Record<keyof Hello, unknown>>;
  if (typeof bridge !== 'string' || !isPorts(ports)) malformed('hello');
  return { bridge, ports };
}

export function parseConfigure(body: unknown): Configure {
  const { ports, sockets, keepaliveS, logLevel } = (body ?? {}) as Partial<Record<keyof Configure, unknown>>;
  if (
    !isPorts(ports) ||
    !isPorts(sockets) ||
    typeof keepaliveS !== 'number' ||
    typeof logLevel !== 'number'
  ) {
    malformed('configuration');
  }
  return { ports, sockets, keepaliveS, logLevel };
}

export function parseListening(body: unknown): Listening {
  const { ports, sockets, failures } = (body ?? {}) as Partial<Record<keyof Listening, unknown>>;
  if (!isPorts(ports) || !isPorts(sockets) || !isFailures(failures)) malformed('state');
  return {
    ports,
    sockets,
    failures: failures.map(({ port, reason }) => ({ port, reason: reason.slice(0, 200) })),
  };
}
