import { quote } from './problem.ts';

/** How a file writes its keys, and how messages show them. */
export interface KeyStyle {
  /** Ruby symbols (`:key`) mean the same as plain text, in keys and in values. */
  readonly symbols: boolean;
  /** A key in a message. */
  show(key: string): string;
  /** A key that nobody knows, in a message. */
  quote(key: string): string;
  /** Between the keys of a list. */
  readonly separator: string;
  /** What to do about a key that stands twice. */
  readonly onTwice: string;
}

/** `OpenNebulaNetwork.conf`: `:key:`, or `key:` for the same key. */
export const SYMBOL_KEYS: KeyStyle = {
  symbols: true,
  show: (key) => (isOrdinary(key) ? `:${key}:` : quote(`:${key}:`)),
  quote: (key) => quote(`:${key}:`),
  separator: ' ',
  onTwice: 'keep one of the two; with and without the leading colon it is the same key',
};

/** Files of our own: `key:`, and a colon before it would be part of the key. */
export const PLAIN_KEYS: KeyStyle = {
  symbols: false,
  show: (key) => (isOrdinary(key) ? key : quote(key)),
  quote,
  separator: ', ',
  onTwice: 'keep one of the two',
};

/** False for a key that is odd in any way, and so stands in quotes. */
function isOrdinary(key: string): boolean {
  return /^\w[\w-]{0,39}$/.test(key);
}
