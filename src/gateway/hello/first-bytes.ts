import { type ClientHello, readClientHello } from './client-hello.ts';
import { firstHead } from './http-head.ts';
import { recordReader } from './tls-records.ts';

/** What a connection turns out to be by its first bytes. */
export type Opening =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | {
      readonly kind: 'http';
      readonly method: string;
      readonly target: string;
      readonly hosts: readonly string[];
    }
  | { readonly kind: 'http2' }
  /** Neither TLS nor HTTP. Where a rule allows whatever the bytes are, it is relayed. */
  | { readonly kind: 'unknown' }
  /** TLS or HTTP, and broken or longer than is waited for: it can't be judged, and is no unknown protocol either. */
  | { readonly kind: 'refused'; readonly because: 'malformed-hello' | 'long-hello' | 'long-head' };

/** `more`: nothing can be said yet. */
export type Look = Opening | { readonly kind: 'more' };

export interface Bounds {
  readonly helloBytes: number;
  readonly headBytes: number;
}

/** Post-quantum shares make a hello 2 KB, a ticket up to 64 KB more. A head is as long as `node:http` takes. */
export const DEFAULT_BOUNDS: Bounds = { helloBytes: 131_072, headBytes: 16_384 };

/** The first bytes of one connection. A server that speaks first gets none: whoever waits has a clock. */
export interface FirstBytes {
  /** Takes what has come, and says what it is. After any answer but `more` it is not called again. */
  readonly add: (piece: Uint8Array) => Look;
  /** All that has come, to be sent on or parsed. */
  readonly bytes: () => Uint8Array;
}

const FIRST_SIZE = 2048;
const LINE_FEED = 10;
const BLANK = 0x20;
/** The preface of HTTP/2, and POST, are compared at every byte. */
const P_OF_PREFACE = 0x50;
const MORE: Look = { kind: 'more' };

export function firstBytes(bounds: Bounds = DEFAULT_BOUNDS): FirstBytes {
  const records = recordReader(bounds.helloBytes);
  let buffer = new Uint8Array(FIRST_SIZE);
  let length = 0;
  let mayBeTls = true;
  let headBegun = false;

  return { add, bytes: () => buffer.subarray(0, length) };

  function add(piece: Uint8Array): Look {
    keep(piece);
    if (length === 0) return MORE;
    const seen = buffer.subarray(0, length);
    if (mayBeTls) {
      const look = lookForTls(seen);
      if (look !== undefined) return look;
      mayBeTls = false;
    }
    // Only a line can end a head, so that one that comes byte by byte is not read over and over.
    if (headBegun && length < bounds.headBytes && !piece.includes(LINE_FEED)) return MORE;
    const look = lookForHttp(seen, bounds.headBytes);
    headBegun = seen.includes(BLANK) && seen[0] !== P_OF_PREFACE;
    return look;
  }

  function keep(piece: Uint8Array): void {
    const needed = length + piece.length;
    if (needed > buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * buffer.length));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(piece, length);
    length = needed;
  }

  /** Undefined: it is no TLS. */
  function lookForTls(seen: Uint8Array): Look | undefined {
    const message = records(seen);
    if (message.kind === 'not-tls') return undefined;
    if (message.kind === 'more') return MORE;
    if (message.kind === 'too-long') return { kind: 'refused', because: 'long-hello' };
    const hello = readClientHello(message.body);
    return hello === undefined ? { kind: 'refused', because: 'malformed-hello' } : { kind: 'tls', hello };
  }
}

function lookForHttp(seen: Uint8Array, headBytes: number): Look {
  const head = firstHead(seen, headBytes);
  if (head.kind === 'too-long') return { kind: 'refused', because: 'long-head' };
  if (head.kind === 'not-http') return { kind: 'unknown' };
  return head.kind === 'head' ? { ...head, kind: 'http' } : head;
}
