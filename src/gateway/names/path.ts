import { removeDotSegments } from './dot-segments.ts';
import { loosest } from './loose-path.ts';
import { type Refusal, refuse } from './refusal.ts';
import { textOf } from './wire.ts';

/** A path in its canonical form. */
export interface Path {
  /** What allowing rules are matched against, and what is sent. */
  readonly text: string;
  /**
   * What an upstream may make of it that decodes `%2F` and everything else, ignores `;parameters`, and merges slashes. Rules that
   * deny are matched against both. The same as `text` for most paths.
   */
  readonly loose: string;
}

/** Longer than any header section that gets this far. */
const MAX_LENGTH = 16_384;
/** Nothing to decode, no dot segment, no empty segment, no parameter: it is its own canonical form. */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)*\/?$/;
const PERCENT = 0x25;
/** Stands for the same raw and encoded (RFC 3986, 2.3). */
const UNRESERVED = 1;
/** May stand raw in a path, and is something else when it is encoded. */
const DELIMITER = 2;
const KINDS = kinds();

/** The path of a request's target (without `?`). Empty is `/`. */
export function canonicalPath(wire: string): Path | Refusal {
  if (wire === '') return { text: '/', loose: '/' };
  if (wire.length > MAX_LENGTH) return refuse('too-long');
  if (!wire.startsWith('/')) return refuse('form');
  if (isPlain(wire)) return { text: wire, loose: wire };
  const encoded = encode(wire);
  if (typeof encoded !== 'string') return encoded;
  const text = removeDotSegments(encoded);
  if (isPlain(text)) return { text, loose: text };
  const loose = loosest(text);
  return typeof loose === 'string' ? { text, loose } : loose;
}

/** A dot at the end of a segment is none for some upstreams. */
function isPlain(path: string): boolean {
  return PLAIN.test(path) && !path.includes('./') && !path.endsWith('.');
}

/** Each character in its one spelling: unreserved ones as they are, those that may stand raw as they stand, all others as `%XX`. */
function encode(wire: string): string | Refusal {
  if (wire.includes('\\')) return refuse('backslash');
  if (wire.includes('#')) return refuse('fragment');
  if (wire.includes('?')) return refuse('form');
  let text = '';
  /** What stands there once decoded, where not all of it is ASCII. */
  let high = '';
  for (let at = 0; at < wire.length; at += 1) {
    let code = wire.charCodeAt(at);
    const wasEncoded = code === PERCENT;
    if (wasEncoded) {
      const [first, second] = [hexDigit(wire.charCodeAt(at + 1)), hexDigit(wire.charCodeAt(at + 2))];
      if (first === undefined || second === undefined) return refuse('percent-encoding');
      code = 16 * first + second;
      at += 2;
    }
    if (code < 0x20 || code === 0x7f || (code === 0x20 && !wasEncoded)) return refuse('control');
    if (code > 255) return refuse('byte');
    if (code > 127 || high !== '') high += String.fromCharCode(code);
    text += stays(code, wasEncoded) ? String.fromCharCode(code) : percent(code);
  }
  // What is not UTF-8 has no one meaning. Overlong forms are "/" and "." for some upstreams.
  return high !== '' && textOf(high) === undefined ? refuse('utf8') : text;
}

function stays(code: number, wasEncoded: boolean): boolean {
  const kind = KINDS[code];
  return kind === UNRESERVED || (kind === DELIMITER && !wasEncoded);
}

function percent(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Value of a hexadecimal digit, by its character's code. */
function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}

/** Kind of each byte; a table, because a guest can make every path long. */
function kinds(): Uint8Array {
  const table = new Uint8Array(256);
  const mark = (signs: string, kind: number) => {
    for (const sign of signs) table[sign.charCodeAt(0)] = kind;
  };
  mark('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~', UNRESERVED);
  mark("!$&'()*+,;=:@/", DELIMITER);
  return table;
}
