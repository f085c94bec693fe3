import { formatIpv4, type Ipv4, parseIpv4 } from '../../model/ipv4.ts';

/** First and last address of 198.18.0.0/15 that stand for names. */
const FIRST = parseIpv4('198.18.0.1');
const LAST = parseIpv4('198.19.255.254');

export interface SyntheticBounds {
  /** Names that one guest may have at a time. */
  readonly namesPerGuest: number;
  /** How long an address stands for its name after a guest has asked for it, or dialled it. */
  readonly standsForMs: number;
  /** All addresses of the range; fewer for tests. */
  readonly addresses?: number;
}

/** Guests remember for longer than a TTL of a minute says; an hour without use is over for all but the most stubborn. */
export const DEFAULT_SYNTHETIC_BOUNDS: SyntheticBounds = { namesPerGuest: 4096, standsForMs: 3_600_000 };

/** What outlives the process: a name, its address, and who has it since when (milliseconds of the wall clock). */
export interface SyntheticState {
  readonly names: readonly (readonly [
    name: string,
    address: string,
    guests: Readonly<Record<string, number>>,
  ])[];
}

/** Names and the addresses that stand for them, on one bridge. Times are milliseconds of the wall clock. */
export interface SyntheticAddresses {
  /** The address of a name for a guest; undefined when the guest has too many names, or all addresses are in use. */
  readonly addressOf: (name: string, guest: string, nowMs: number) => Ipv4 | undefined;
  /** The name behind an address that a guest has dialled, which keeps it for that guest. */
  readonly nameOf: (address: Ipv4, guest: string, nowMs: number) => string | undefined;
  readonly state: () => SyntheticState;
}

interface Entry {
  readonly name: string;
  readonly address: Ipv4;
  /** When each guest last used it. */
  readonly guests: Map<string, number>;
  usedMs: number;
}

export function isSynthetic(address: Ipv4): boolean {
  return address >= FIRST && address <= LAST;
}

export function syntheticAddresses(
  bounds: SyntheticBounds = DEFAULT_SYNTHETIC_BOUNDS,
  earlier: SyntheticState = { names: [] },
): SyntheticAddresses {
  const last = bounds.addresses === undefined ? LAST : FIRST + bounds.addresses - 1;
  /** Both least recently used first. */
  const names = new Map<string, Entry>();
  const ofGuest = new Map<string, Map<string, Entry>>();
  const byAddress = new Map<Ipv4, Entry>();
  let next = FIRST;
  restore(earlier);
  return { addressOf, nameOf, state };

  function addressOf(name: string, guest: string, nowMs: number): Ipv4 | undefined {
    const known = names.get(name);
    if (known?.guests.has(guest) !== true && !makeRoom(guest, nowMs)) return undefined;
    const entry = known ?? create(name, nowMs);
    if (entry !== undefined) use(entry, guest, nowMs);
    return entry?.address;
  }

  function nameOf(address: Ipv4, guest: string, nowMs: number): string | undefined {
    const entry = byAddress.get(address);
    if (entry === undefined) return undefined;
    // A guest that scans the range gets no names of its own by it.
    if (entry.guests.has(guest)) use(entry, guest, nowMs);
    return entry.name;
  }

  function use(entry: Entry, guest: string, nowMs: number): void {
    entry.usedMs = nowMs;
    entry.guests.set(guest, nowMs);
    names.delete(entry.name);
    names.set(entry.name, entry);
    const mine = ofGuest.get(guest) ?? new Map<string, Entry>();
    mine.delete(entry.name);
    mine.set(entry.name, entry);
    ofGuest.set(guest, mine);
  }

  /** Whether a guest may have one more name. The one that it has not used for longest goes, once its time is over. */
  function makeRoom(guest: string, nowMs: number): boolean {
    const mine = ofGuest.get(guest);
    if (mine === undefined || mine.size < bounds.namesPerGuest) return true;
    const [oldest] = mine.values();
    if (oldest === undefined || stands(oldest.guests.get(guest) ?? 0, nowMs)) return false;
    release(oldest, guest);
    return true;
  }

  function create(name: string, nowMs: number): Entry | undefined {
    const address = freshAddress() ?? oldestAddress(nowMs);
    if (address === undefined) return undefined;
    const entry: Entry = { name, address, guests: new Map(), usedMs: nowMs };
    names.set(name, entry);
    byAddress.set(address, entry);
    return entry;
  }

  function freshAddress(): Ipv4 | undefined {
    while (next <= last && byAddress.has(next)) next += 1;
    return next <= last ? next++ : undefined;
  }

  /** The address that nobody has used for longest, once its time is over. */
  function oldestAddress(nowMs: number): Ipv4 | undefined {
    const [oldest] = names.values();
    if (oldest === undefined || stands(oldest.usedMs, nowMs)) return undefined;
    for (const guest of [...oldest.guests.keys()]) release(oldest, guest);
    names.delete(oldest.name);
    byAddress.delete(oldest.address);
    return oldest.address;
  }

  /** The name keeps its address for as long as nobody else needs it. */
  function release(entry: Entry, guest: string): void {
    entry.guests.delete(guest);
    const mine = ofGuest.get(guest);
    mine?.delete(entry.name);
    if (mine?.size === 0) ofGuest.delete(guest);
  }

  /** A clock that was put back ends no name early. */
  function stands(sinceMs: number, nowMs: number): boolean {
    return nowMs - sinceMs < bounds.standsForMs;
  }

  function state(): SyntheticState {
    return {
      names: [...names.values()].map(({ name, address, guests }) => [
        name,
        formatIpv4(address),
        Object.fromEntries(guests),
      ]),
    };
  }

  /** Least recently used first, as `state` gives them. What contradicts an earlier row is left out. */
  function restore({ names: rows }: SyntheticState): void {
    for (const [name, text, guests] of rows) {
      const address = parseIpv4(text);
      if (!(address >= FIRST && address <= last) || names.has(name) || byAddress.has(address)) continue;
      const times = Object.values(guests);
      const entry: Entry = { name, address, guests: new Map(), usedMs: Math.max(0, ...times) };
      names.set(name, entry);
      byAddress.set(address, entry);
      for (const [guest, ms] of Object.entries(guests)) entry.guests.set(guest, ms);
    }
    const holds = [...names.values()].flatMap((entry) =>
      [...entry.guests].map(([guest, ms]) => ({ entry, guest, ms })),
    );
    for (const { entry, guest } of holds.sort((one, other) => one.ms - other.ms)) {
      const mine = ofGuest.get(guest) ?? new Map<string, Entry>();
      ofGuest.set(guest, mine.set(entry.name, entry));
    }
  }
}
