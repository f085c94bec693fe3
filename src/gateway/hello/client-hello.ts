/** What a TLS client says first (RFC 8446, 4.1.2), of which we need the name. */
export interface ClientHello {
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
  /** Encrypted ClientHello: the real name may be another one. Clients also send it with nothing in it (GREASE). */
  readonly ech: boolean;
}

const SERVER_NAME = 0;
const ALPN = 16;
const ECH = 0xfe0d;
const HOST_NAME = 0;

/** Thrown and caught in this file only: a length that leads outside. */
class Malformed extends Error {}

/** Reads the body of a ClientHello, complete and without its header. Undefined when it is malformed, or says one thing twice. */
export function readClientHello(body: Uint8Array): ClientHello | undefined {
  try {
    return read(body);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function read(body: Uint8Array): ClientHello {
  const hello = new Reader(body);
  hello.take(2 + 32); // legacy_version, random
  hello.vector(1); // legacy_session_id
  hello.vector(2); // cipher_suites
  hello.vector(1); // legacy_compression_methods
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  let ech = false;
  if (hello.done) return { serverName, alpn, ech };
  const extensions = new Reader(hello.vector(2));
  if (!hello.done) throw new Malformed();
  const seen = new Set<number>();
  while (!extensions.done) {
    const type = extensions.number(2);
    const content = new Reader(extensions.vector(2));
    if (seen.has(type)) throw new Malformed();
    seen.add(type);
    if (type === SERVER_NAME) serverName = readServerName(content);
    if (type === ALPN) alpn = readAlpn(content);
    if (type === ECH) ech = true;
  }
  return { serverName, alpn, ech };
}

/** One name and nothing else (RFC 6066, 3). Wire text. */
function readServerName(content: Reader): string {
  const list = new Reader(content.vector(2));
  if (list.number(1) !== HOST_NAME) throw new Malformed();
  const name = list.vector(2);
  if (!list.done || !content.done || name.length === 0) throw new Malformed();
  return Buffer.from(name).toString('latin1');
}

function readAlpn(content: Reader): string[] {
  const list = new Reader(content.vector(2));
  const names: string[] = [];
  while (!list.done) names.push(Buffer.from(list.vector(1)).toString('latin1'));
  if (!content.done) throw new Malformed();
  return names;
}

/** TLS's way of writing: numbers with the most significant byte first, vectors with their length before them. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Malformed();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  number(length: number): number {
    return this.take(length).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  vector(lengthBytes: number): Uint8Array {
    return this.take(this.number(lengthBytes));
  }
}
