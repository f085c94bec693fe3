import type { Row } from './rows.ts';

export const ORDERS = ['name', 'now', 'new', 'up', 'down', 'total', 'errors'] as const;
export type Order = (typeof ORDERS)[number];

/** What a row is sorted by; the rates of the first look are those of all time so far. */
const BY: Readonly<Record<Exclude<Order, 'name'>, (row: Row) => number>> = {
  now: ({ totals }) => totals.relays,
  new: ({ rates, totals }) => rates?.connections ?? totals.connections,
  up: ({ rates, totals }) => rates?.bytesToUpstream ?? totals.bytesToUpstream,
  down: ({ rates, totals }) => rates?.bytesToGuest ?? totals.bytesToGuest,
  total: ({ totals }) => totals.connections,
  errors: ({ errors = 0 }) => errors,
};

/** The most first, or names in their order; `reversed` the other way round. Equals stay in the order of their names. */
export function inOrder(rows: readonly Row[], order: Order, reversed: boolean): Row[] {
  const value = order === 'name' ? undefined : BY[order];
  const sign = reversed ? -1 : 1;
  return rows.toSorted(
    (a, b) => sign * (value === undefined ? byName(a, b) : value(b) - value(a)) || byName(a, b),
  );
}

function byName(a: Row, b: Row): number {
  const name = ({ bridge, service, guest }: Row): string => `${bridge} ${service ?? guest ?? ''}`;
  return name(a).localeCompare(name(b), 'en', { numeric: true });
}

/** The order beside `order`, for the arrow keys. */
export function orderBeside(order: Order, step: 1 | -1): Order {
  const next = (ORDERS.indexOf(order) + step + ORDERS.length) % ORDERS.length;
  return ORDERS[next] ?? order;
}
