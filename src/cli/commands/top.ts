import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, InputError, TproxyError } from '../../errors.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';
import { styleFor } from '../text/style.ts';
import { topTable } from '../top/frame.ts';
import { takeLook } from '../top/look.ts';
import { inOrder, ORDERS } from '../top/order.ts';
import { type Row, rowsOf, VIEWS } from '../top/rows.ts';

export interface TopOptions {
  readonly by: string;
  readonly sort: string;
  readonly reverse?: boolean;
  readonly interval: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

/** `tproxy top`: live connections and throughput; a single sample when the output is not a terminal. */
export async function top(options: TopOptions, io: Io): Promise<ExitCode> {
  demandRoot('top');
  const view = oneOf(VIEWS, options.by, '--by');
  const order = oneOf(ORDERS, options.sort, '--sort');
  const everyMs = parseSeconds(options.interval) * 1000;
  const reversed = options.reverse === true;
  const first = await takeLook(view);
  if (first === undefined) {
    throw new TproxyError('no daemon is running', {
      remedy: 'run tproxy start',
      code: 'NOT_RUNNING',
      exitCode: ExitCode.notRunning,
    });
  }
  if (options.once === true || options.json === true || !process.stdout.isTTY) {
    await sleep(everyMs);
    const now = (await takeLook(view)) ?? first;
    const rows = inOrder(rowsOf(view, now, first), order, reversed);
    if (options.json === true) io.out(JSON.stringify({ by: view, rows: rows.map(plain) }, null, 2));
    else for (const line of topTable({ view, order, reversed, rows })) io.out(line);
    return ExitCode.ok;
  }
  const { live } = await import('../top/live.ts');
  const wishes = { view, order, reversed, scroll: 0 };
  await live({ wishes, first, everyMs, style: styleFor(io.colour === true) });
  return ExitCode.ok;
}

/** Undefined fields would vanish from JSON: rates of a forwarder that was replaced meanwhile are null. */
function plain({ rates, totals, ...names }: Row) {
  return { ...names, ...totals, perSecond: rates ?? null };
}

function oneOf<T extends string>(words: readonly T[], text: string, option: string): T {
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw new InputError(`${option} ${text}: not one of its values`, {
    remedy: `write one of ${words.join(', ')}`,
    exitCode: ExitCode.usage,
  });
}

function parseSeconds(text: string): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 0.1 && seconds <= 3600) return seconds;
  throw new InputError(`--interval ${text}: not a valid interval`, {
    remedy: 'write seconds from 0.1 to 3600',
    exitCode: ExitCode.usage,
  });
}
