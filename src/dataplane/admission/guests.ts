import type { AdmissionLimits, ServiceRoute } from '../messages.ts';
import type { Outcome } from '../outcome.ts';
import { TokenBucket } from './token-bucket.ts';
import type { TurnTaker, Work } from './turns.ts';

/** Guests without a connection are forgotten after this time, with what they have used up of their rate. */
const FORGET_MS = 5000;
/** More guests than this on one bridge, and twice those that have a connection: those without one are forgotten at once. */
const KNOWN_AT_MOST = 65_536;
/** Beyond an IPv4 address. */
const WORD = 2 ** 32;

/** A guest counts as another one on its bridge for this long after it last wanted a connection. */
const OTHERS_MEMORY_MS = 10 * 60_000;

/** What the data plane knows of a guest address, or of its use of a service that has limits of its own. */
export class Guest implements TurnTaker {
  /** The same for all that this class knows of one guest: its bridge's id and its address. */
  readonly identity: number;
  /** What is counted over all services: this object, where it is no part of another one. */
  readonly whole: Guest;
  /** Living relays; those to services with limits of their own are not among them. */
  connections = 0;
  /** Living relays of the guest to all services, where this is its whole. */
  allConnections = 0;
  /** Its uses of services with limits of their own, where this is its whole. */
  parts = 0;
  /** Of its new connections. */
  readonly bucket = new TokenBucket();
  /** When it last wanted a connection (ms, monotonic). */
  seenAt = 0;
  turn = -1;
  credit = 0;
  waiting: Work[] = [];

  constructor(identity: number, whole?: Guest) {
    this.identity = identity;
    this.whole = whole ?? this;
    if (whole !== undefined) whole.parts += 1;
  }

  /** It has a relay more. */
  opened(): void {
    this.connections += 1;
    this.whole.allConnections += 1;
  }

  /** It has a relay less. */
  closed(): void {
    this.connections -= 1;
    this.whole.allConnections -= 1;
  }
}

/** The guests of a bridge, and what each of them may have. */
export class Guests {
  private readonly guests = new Map<number, Guest>();
  private readonly bridgeId: number;
  private sweptAt = 0;
  private knownAtMost = KNOWN_AT_MOST;
  /** The address that wanted a connection last, when it did, and when one before it did that is not the same. */
  private lastIp = Number.NaN;
  private lastAt = Number.NEGATIVE_INFINITY;
  private otherAt = Number.NEGATIVE_INFINITY;

  constructor(bridgeId: number) {
    this.bridgeId = bridgeId;
  }

  get size(): number {
    return this.guests.size;
  }

  /** The guest at `ip` as far as it concerns connections to `route`. */
  of(ip: number, route: ServiceRoute): Guest {
    // A service with limits of its own is counted on its own.
    const own = route.guestConnections !== undefined || route.guestRate !== undefined;
    const key = own ? ip + route.servicePort * WORD : ip;
    return this.guests.get(key) ?? this.add(key, ip);
  }

  /** The guest at `ip` wants a connection at `now` (ms, monotonic). True: another one has wanted one of late. */
  wanted(ip: number, now: number): boolean {
    if (ip !== this.lastIp) {
      this.otherAt = this.lastAt;
      this.lastIp = ip;
    }
    this.lastAt = now;
    return now - this.otherAt < OTHERS_MEMORY_MS;
  }

  /** Forgets those that have had no connection for a while; `now` in ms. True while there is somebody to forget. */
  sweep(now: number): boolean {
    if (now - this.sweptAt >= FORGET_MS) {
      this.sweptAt = now;
      this.forget(now - FORGET_MS);
    }
    return this.guests.size > 0;
  }

  private add(key: number, ip: number): Guest {
    if (this.guests.size >= this.knownAtMost) this.forgetAtOnce();
    const whole = key === ip ? undefined : (this.guests.get(ip) ?? this.add(ip, ip));
    const guest = new Guest(ip + this.bridgeId * WORD, whole);
    this.guests.set(key, guest);
    return guest;
  }

  private forgetAtOnce(): void {
    this.forget(Number.POSITIVE_INFINITY);
    // Not again for every single one where most of them have connections.
    this.knownAtMost = Math.max(KNOWN_AT_MOST, this.guests.size * 2);
  }

  private forget(before: number): void {
    for (const [key, guest] of this.guests) {
      if (!isIdle(guest, before)) continue;
      this.guests.delete(key);
      const { whole } = guest;
      if (whole === guest) continue;
      whole.parts -= 1;
      // It stood before its parts in the map, and was kept for them.
      if (isIdle(whole, before)) this.guests.delete(key % WORD);
    }
  }
}

function isIdle(guest: Guest, before: number): boolean {
  const { connections, parts, waiting, seenAt } = guest;
  return connections === 0 && parts === 0 && waiting.length === 0 && seenAt < before;
}

/** Why `guest` may not have one connection more, or undefined: then it counts against its rate. */
export function refusal(
  guest: Guest,
  route: ServiceRoute,
  limits: AdmissionLimits,
  now: number,
  isAlone: boolean,
): Outcome | undefined {
  const most = route.guestConnections ?? limits.guestConnections;
  if (most > 0 && guest.connections >= most) return 'guest-limit';
  guest.seenAt = now;
  const rate = route.guestRate ?? limits.guestRate;
  const isSoft = route.guestRate === undefined && limits.guestRateIsSoft;
  if (!guest.bucket.may(rate, now) && !(isSoft && isAlone)) return 'guest-rate';
  guest.bucket.count(rate);
  return undefined;
}
