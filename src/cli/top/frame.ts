import type { Stats } from '../../model/stats.ts';
import { alignColumns, type Column, cutToWidth } from '../text/columns.ts';
import { escapeForTerminal } from '../text/escape.ts';
import type { Style } from '../text/style.ts';
import { formatBytes, formatDuration, formatRate } from '../text/units.ts';
import type { Order } from './order.ts';
import type { Rates, Row, View } from './rows.ts';

/** Titles of the orders' columns. */
const TITLES: Readonly<Record<Order, string>> = {
  name: 'BRIDGE',
  now: 'NOW',
  new: 'NEW/S',
  up: 'UP/S',
  down: 'DOWN/S',
  total: 'TOTAL',
  errors: 'ERRORS',
};

export interface Shown {
  readonly view: View;
  readonly order: Order;
  readonly reversed: boolean;
  readonly rows: readonly Row[];
}

/** The table of a view; the column that it is sorted by has an arrow. */
export function topTable({ view, order, reversed, rows }: Shown): string[] {
  const arrow = reversed ? '▲' : '▼';
  const title = (of: Order): string => (of === order ? `${TITLES[of]}${arrow}` : TITLES[of]);
  const names: Column[] = [{ title: title('name'), align: 'left' }];
  if (view === 'guest' || view === 'connection') names.push({ title: 'GUEST', align: 'left' });
  if (view === 'service' || view === 'connection') {
    names.push({ title: 'SERVICE', align: 'right' }, { title: 'UPSTREAM', align: 'left' });
  }
  const numbers = columnsOf(view).map((column) => (isOrder(column) ? title(column) : column));
  const columns = [...names, ...numbers.map((text): Column => ({ title: text, align: 'right' }))];
  return alignColumns(
    columns,
    rows.map((row) => cells(view, row)),
  );
}

type NumberColumn = Exclude<Order, 'name'> | 'UP' | 'DOWN' | 'AGE';

/** The numbers of a view, in their order. */
function columnsOf(view: View): readonly NumberColumn[] {
  if (view === 'connection') return ['up', 'down', 'UP', 'DOWN', 'AGE'];
  const counts = ['now', 'new', 'up', 'down', 'total', 'UP', 'DOWN'] as const;
  return view === 'guest' ? counts : [...counts, 'errors'];
}

function isOrder(column: NumberColumn): column is Exclude<Order, 'name'> {
  return column in TITLES;
}

function cells(view: View, row: Row): string[] {
  const { bridge, guest, service, upstream } = row;
  const names = [bridge, guest, service === undefined ? undefined : String(service), upstream];
  const known = names.filter((name) => name !== undefined).map(escapeForTerminal);
  return [...known, ...columnsOf(view).map((column) => number(column, row))];
}

function number(column: NumberColumn, { totals, rates, errors = 0, ageMs = 0 }: Row): string {
  const rate = (format: (perSecond: number) => string, of: keyof Rates): string =>
    rates === undefined ? '-' : format(rates[of]);
  switch (column) {
    case 'now':
      return String(totals.relays);
    case 'new':
      return rate(formatRate, 'connections');
    case 'up':
      return rate(formatBytes, 'bytesToUpstream');
    case 'down':
      return rate(formatBytes, 'bytesToGuest');
    case 'total':
      return String(totals.connections);
    case 'UP':
      return formatBytes(totals.bytesToUpstream);
    case 'DOWN':
      return formatBytes(totals.bytesToGuest);
    case 'AGE':
      return formatDuration(ageMs);
    case 'errors':
      return String(errors);
  }
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What stands above the table: the whole host in a line. */
export function summary({ health, bridges }: Stats, time: Date): string {
  const services = bridges.flatMap((bridge) => bridge.services);
  const relays = services.reduce((sum, service) => sum + service.relays, 0);
  const up = services.filter(({ state }) => state === 'listening').length;
  const asked = services.filter(({ upstream }) => upstream !== undefined).length;
  const { open, limit } = health.descriptors;
  return [
    `tproxy ${escapeForTerminal(health.version)}`,
    time.toTimeString().slice(0, 8),
    `${relays} connections`,
    `${up} of ${asked} services listen`,
    `descriptors ${open} of ${limit}`,
    `memory ${formatBytes(health.memory)}`,
  ].join('  ');
}

const HELP = 'b bridges  s services  g guests  c connections  ←→ sort  r reverse  ↑↓ scroll  q quit';

/** A whole screen, as many lines as it has, none wider than it is. `scroll`: rows that are above it. */
export function frame(head: string, shown: Shown, scroll: number, size: Size, style: Style): string[] {
  const [titles = '', ...body] = topTable(shown);
  const room = Math.max(0, size.rows - 3);
  const cut = (line: string): string => cutToWidth(line, size.columns);
  // Rows may have gone since somebody scrolled.
  const above = Math.max(0, Math.min(scroll, body.length - 1));
  const visible = body.slice(above, above + room).map(cut);
  const lines = [style.bold(cut(head)), style.inverse(cut(titles)), ...visible];
  while (lines.length < size.rows - 1) lines.push('');
  return [...lines, style.dim(cut(HELP))].slice(0, size.rows);
}
