import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { Style } from '../text/style.ts';
import { frame, summary } from './frame.ts';
import { afterKey, keysIn, type Wishes } from './keys.ts';
import { takeLook } from './look.ts';
import { inOrder } from './order.ts';
import { type Look, type Row, rowsOf } from './rows.ts';
import { Screen } from './screen.ts';

interface Begin {
  readonly wishes: Wishes;
  readonly first: Look;
  readonly everyMs: number;
  readonly style: Style;
}

/** Shows what happens, until the user has seen enough. A forwarder that is away for a while is told and waited for. */
export async function live({ wishes: begin, first, everyMs, style }: Begin): Promise<void> {
  let wishes = begin;
  let now = first;
  let before: Look | undefined;
  let trouble = '';
  const end = new AbortController();
  const rows = (): Row[] => rowsOf(wishes.view, now, before);
  const draw = (): void => {
    const { view, order, reversed, scroll } = wishes;
    const head = trouble === '' ? summary(now.stats, new Date()) : trouble;
    const shown = { view, order, reversed, rows: inOrder(rows(), order, reversed) };
    screen.draw(frame(head, shown, scroll, screen.size, style));
  };
  const onKey = (text: string): void => {
    for (const key of keysIn(text)) {
      const next = afterKey(key, wishes, rows().length);
      if (next === undefined) {
        end.abort();
        return;
      }
      wishes = next;
    }
    draw();
  };
  const screen = new Screen({ key: onKey, resize: draw });
  try {
    while (!end.signal.aborted) {
      draw();
      await sleep(everyMs, undefined, { signal: end.signal }).catch(() => undefined);
      if (end.signal.aborted) break;
      const found = await takeLook(wishes.view).catch((error: unknown) => messageOf(error));
      if (typeof found === 'object') {
        before = now;
        now = found;
      }
      trouble = typeof found === 'object' ? '' : (found ?? 'no daemon is running; run tproxy start');
    }
  } finally {
    screen.close();
  }
}
