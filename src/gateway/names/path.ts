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
const RAW = /[A-Za-z0-9\-._~!$&'()*+,;=:@/]/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

/** The path of a request's target (without `?`). Empty is `/`. */
export function canonicalPath(wire: string): Path | Refusal {
  if (wire === '') return { text: '/', loose: '/' };
  if (wire.length > MAX_LENGTH) return refuse('too-long');
  if (!wire.startsWith('/')) return refuse('form');
  if (PLAIN.test(wire) && !wire.includes('./') && !wire.endsWith('.')) return { text: wire, loose: wire };
  const encoded = encode(wire);
  if (typeof encoded !== 'string') return encoded;
  const text = removeDotSegments(encoded);
  const loose = loosest(text);
  return typeof loose === 'string' ? { text, loose } : loose;
}

/** Each character in its one spelling: unreserved ones as they are, those that may stand raw as they stand, all others as `%XX`. */
function encode(wire: string): string | Refusal {
  if (wire.includes('\\')) return refuse('backslash');
  if (wire.includes('#')) return refuse('fragment');
  if (wire.includes('?')) return refuse('form');
  let text = '';
  let bytes = '';
  for (let at = 0; at < wire.length; at += 1) {
    let sign = wire.charAt(at);
    const wasEncoded = sign === '%';
    if (wasEncoded) {
      const hex = wire.slice(at + 1, at + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return refuse('percent-encoding');
      sign = String.fromCharCode(Number.parseInt(hex, 16));
      at += 2;
    }
    const code = sign.charCodeAt(0);
    if (code < 0x20 || code === 0x7f || (code === 0x20 && !wasEncoded)) return refuse('control');
    if (code > 255) return refuse('byte');
    bytes += sign;
    text += (wasEncoded ? UNRESERVED : RAW).test(sign) ? sign : percent(code);
  }
  // What is not UTF-8 has no one meaning. Overlong forms are "/" and "." for some upstreams.
  return textOf(bytes) === undefined ? refuse('utf8') : text;
}

function percent(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}
