import { TproxyError } from '../../errors.ts';
import { incoming, MESSAGE_BYTES, outgoing } from '../../linux/descriptor-passing.ts';

/**
 * What listener and forwarder say to each other over a bridge's socket, a message each:
 *
 *   listener                              forwarder
 *     Hello {bridge}                 ──►            after each connect
 *                                    ◄──  Configure {ports} + sockets kept for it
 *     Listening {ports, failures} + its sockets ──►     which the forwarder accepts on from then on
 *                                    ◄──  Exit
 *                                    ◄──  Ping
 *     Pong                           ──►            a listener that stays silent is hung
 *
 * Sockets that do not fit into one Configure or Listening come with as many of them as it takes; all but the last say
 * `more`, and leave the ports and failures to the last: with all of them in each, the queue of the socket would be full.
 */
export const MessageType = {
  hello: 1,
  listening: 2,
  pong: 3,
  configure: 16,
  exit: 17,
  ping: 18,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Raised when a message changes its meaning; both sides refuse another one. */
export const PROTOCOL_VERSION = 1;

/** Listening sockets in one message. */
export const SOCKETS_PER_MESSAGE = 250;

/** Service ports of a bridge, so that they and the failures of some fit into one message. */
export const PORTS_AT_MOST = 8000;
/** Failures that are told; one is enough to know that something is wrong. */
export const FAILURES_AT_MOST = 16;

export interface Hello {
  readonly bridge: string;
}

export interface Configure {
  /** Ports to listen on; all others are closed. */
  readonly ports: readonly number[];
  /** Those of `ports` whose listening sockets come with the message, in this order. */
  readonly sockets: readonly number[];
  /** Another one with more sockets follows; this one alone asks for nothing. */
  readonly more: boolean;
  /** 0 = ERROR … 3 = DEBUG. */
  readonly logLevel: number;
}

export interface Listening {
  /** All ports that are open now. */
  readonly ports: readonly number[];
  /** Those of `ports` whose sockets come with the message, in this order. */
  readonly sockets: readonly number[];
  /** Another one with more sockets follows. */
  readonly more: boolean;
  readonly failures: readonly { readonly port: number; readonly reason: string }[];
}

// type (1), version (1), nothing (2), then JSON.
const HEADER_BYTES = 4;

function writeHeader(type: MessageType): void {
  outgoing.view.setUint8(0, type);
  outgoing.view.setUint8(1, PROTOCOL_VERSION);
  outgoing.view.setUint16(2, 0);
}

/** Length of a message with no body, written into `outgoing`. */
export function writeBare(type: MessageType): number {
  writeHeader(type);
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
  writeHeader(type);
  outgoing.bytes.write(text, HEADER_BYTES);
  return length;
}

/** A listening socket of a service port. */
export interface PortSocket {
  readonly port: number;
  readonly fd: number;
}

/** Sockets in pieces that fit into a message each; one empty piece when there is none. */
export function inPieces(sockets: readonly PortSocket[]): (readonly PortSocket[])[] {
  const pieces = [sockets.slice(0, SOCKETS_PER_MESSAGE)];
  for (let at = SOCKETS_PER_MESSAGE; at < sockets.length; at += SOCKETS_PER_MESSAGE) {
    pieces.push(sockets.slice(at, at + SOCKETS_PER_MESSAGE));
  }
  return pieces;
}

/** The ports that a message names joined with the descriptors that came with it. Throws when they don't match. */
export function portSockets(ports: readonly number[], descriptors: readonly number[]): PortSocket[] {
  if (ports.length !== descriptors.length) {
    throw new TproxyError(`hand-over: ${ports.length} sockets announced, ${descriptors.length} came`, {
      code: 'PROTOCOL',
    });
  }
  return descriptors.map((fd, i) => ({ port: ports[i] ?? 0, fd }));
}

/** Type of the message of `length` bytes in `incoming`. Throws when it is none of this version. */
export function readType(length: number): number {
  if (length < HEADER_BYTES)
    throw new TproxyError(`hand-over: message of ${length} bytes`, { code: 'PROTOCOL' });
  const version = incoming.view.getUint8(1);
  if (version !== PROTOCOL_VERSION) {
    throw new TproxyError(`hand-over: the peer speaks version ${version}, not ${PROTOCOL_VERSION}`, {
      code: 'PROTOCOL',
      remedy: 'run tproxy restart',
    });
  }
  return incoming.view.getUint8(0);
}

/** Body of the message of `length` bytes in `incoming`; its shape is for the caller to check. */
export function readJson(length: number): unknown {
  try {
    return JSON.parse(incoming.bytes.toString('utf8', HEADER_BYTES, length));
  } catch (cause) {
    throw new TproxyError('hand-over: message body is no JSON', { code: 'PROTOCOL', cause });
  }
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
  const { bridge } = (body ?? {}) as Partial<Record<keyof Hello, unknown>>;
  if (typeof bridge !== 'string') malformed('hello');
  return { bridge };
}

export function parseConfigure(body: unknown): Configure {
  const { ports, sockets, more, logLevel } = (body ?? {}) as Partial<Record<keyof Configure, unknown>>;
  if (!isPorts(ports) || !isPorts(sockets) || typeof more !== 'boolean' || typeof logLevel !== 'number') {
    malformed('configuration');
  }
  return { ports, sockets, more, logLevel };
}

export function parseListening(body: unknown): Listening {
  const { ports, sockets, more, failures } = (body ?? {}) as Partial<Record<keyof Listening, unknown>>;
  if (!isPorts(ports) || !isPorts(sockets) || typeof more !== 'boolean' || !isFailures(failures)) {
    malformed('state');
  }
  return {
    ports,
    sockets,
    more,
    failures: failures.map(({ port, reason }) => ({ port, reason: reason.slice(0, 200) })),
  };
}
