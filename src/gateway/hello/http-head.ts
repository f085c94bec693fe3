/** The head of a first HTTP request, as far as it tells where it wants to go. `node:http` reads it again and has the last word. */
export type FirstHead =
  | { readonly kind: 'more' }
  | { readonly kind: 'not-http' }
  | { readonly kind: 'too-long' }
  /** The preface of HTTP/2 without TLS. */
  | { readonly kind: 'http2' }
  /** Wire text, all as the guest wrote it. `hosts` are the values of all Host headers. */
  | {
      readonly kind: 'head';
      readonly method: string;
      readonly target: string;
      readonly hosts: readonly string[];
    };

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const METHOD = /^[A-Z]{1,20}$/;
const REQUEST_LINE = /^([A-Z]{1,20}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.[01]\r$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;

/** What `bytes`, all that has come so far, begins with. `maxBytes` bounds request line and header fields together. */
export function firstHead(bytes: Uint8Array, maxBytes: number): FirstHead {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, maxBytes)).toString(
    'latin1',
  );
  if (text.startsWith(PREFACE)) return { kind: 'http2' };
  if (PREFACE.startsWith(text)) return { kind: 'more' };
  if (!mayBeRequest(text)) return { kind: 'not-http' };
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return bytes.length >= maxBytes ? { kind: 'too-long' } : { kind: 'more' };
  return readHead(text.slice(0, end).split('\r\n'));
}

function readHead([requestLine = '', ...fields]: readonly string[]): FirstHead {
  const [, method = '', target = ''] = REQUEST_LINE.exec(`${requestLine}\r`) ?? [];
  if (method === '') return { kind: 'not-http' };
  const hosts: string[] = [];
  for (const field of fields) {
    const parts = FIELD.exec(field);
    // Folded lines, blanks before the colon, bare CR or LF: some server reads another Host in them.
    if (parts === null || /[\r\n\0]/.test(field)) return { kind: 'not-http' };
    if (parts[1]?.toLowerCase() === 'host') hosts.push(parts[2] ?? '');
  }
  return { kind: 'head', method, target, hosts };
}

/** Whether a request line can still come of it, or has. Before its end only the method is looked at. */
function mayBeRequest(text: string): boolean {
  const blank = text.indexOf(' ');
  if (!METHOD.test(blank === -1 ? text : text.slice(0, blank))) return false;
  const end = text.indexOf('\n');
  return end === -1 || REQUEST_LINE.test(text.slice(0, end));
}
