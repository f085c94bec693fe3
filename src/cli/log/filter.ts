import { connectionOf, type Entry, type Level } from './log-entry.ts';

/** What an operator wants to see; what is left out or empty lets everything pass. */
export interface Filter {
  readonly bridges?: readonly string[];
  /** Service ports. */
  readonly services?: readonly number[];
  /** `address` or `address:port`. */
  readonly guests?: readonly string[];
  readonly outcomes?: readonly string[];
  /** This level and graver ones. */
  readonly level?: Level;
}

export const LEVELS: readonly Level[] = ['error', 'warning', 'info', 'debug'];

/** True for entries that pass. Service, guest and outcome are about connections: with one of them, nothing else passes. */
export function passes(entry: Entry, filter: Filter): boolean {
  if (filter.level !== undefined && LEVELS.indexOf(entry.level) > LEVELS.indexOf(filter.level)) return false;
  const { bridge } = entry.fields;
  if (!allows(filter.bridges, (wanted) => wanted === bridge)) return false;
  if (isEmpty(filter.services) && isEmpty(filter.guests) && isEmpty(filter.outcomes)) return true;
  const connection = connectionOf(entry);
  if (connection === undefined) return false;
  const { servicePort, guest, outcome } = connection;
  return (
    allows(filter.services, (wanted) => wanted === servicePort) &&
    allows(filter.guests, (wanted) => guest === wanted || guest.startsWith(`${wanted}:`)) &&
    allows(filter.outcomes, (wanted) => wanted === outcome)
  );
}

function isEmpty(list: readonly unknown[] | undefined): boolean {
  return list === undefined || list.length === 0;
}

function allows<T>(list: readonly T[] | undefined, fits: (wanted: T) => boolean): boolean {
  return list === undefined || list.length === 0 || list.some(fits);
}
