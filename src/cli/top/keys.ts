import { type Order, orderBeside } from './order.ts';
import type { View } from './rows.ts';

/** What the keys change. */
export interface Wishes {
  readonly view: View;
  readonly order: Order;
  readonly reversed: boolean;
  /** Rows above the screen. */
  readonly scroll: number;
}

const VIEW_KEYS: Readonly<Record<string, View>> = { b: 'bridge', s: 'service', g: 'guest', c: 'connection' };
const QUIT_KEYS = ['q', 'Q', '\x03', '\x04'];

/** The keys in what a terminal sent: escape sequences whole, everything else by character. */
export function keysIn(text: string): string[] {
  return text.match(/\x1b(?:[[O][0-9;]*[A-Za-z~])?|[^\x1b]/gu) ?? [];
}

/** What is wished after a key; undefined: to end. Unknown keys change nothing. */
export function afterKey(key: string, wishes: Wishes, rows: number): Wishes | undefined {
  if (QUIT_KEYS.includes(key)) return undefined;
  const view = VIEW_KEYS[key];
  if (view !== undefined) return { ...wishes, view, scroll: 0 };
  const by = (step: number): Wishes => ({
    ...wishes,
    scroll: Math.max(0, Math.min(rows - 1, wishes.scroll + step)),
  });
  switch (key) {
    case 'r':
      return { ...wishes, reversed: !wishes.reversed };
    case '\x1b[C':
    case '>':
      return { ...wishes, order: orderBeside(wishes.order, 1) };
    case '\x1b[D':
    case '<':
      return { ...wishes, order: orderBeside(wishes.order, -1) };
    case '\x1b[A':
    case 'k':
      return by(-1);
    case '\x1b[B':
    case 'j':
      return by(1);
    case '\x1b[5~':
      return by(-10);
    case '\x1b[6~':
    case ' ':
      return by(10);
    default:
      return wishes;
  }
}
