import type { AdmissionLimits, ServiceRoute } from './messages.ts';
import type { Outcome } from './outcome.ts';
import { TokenBucket } from './token-bucket.ts';
import type { TurnTaker, Work } from './turns.ts';

/** Guests without a connection are forgotten after this time, with what they have used up of their rate. */
const FORGET_MS = 5000;
/** More guests than this on one bridge, and twice those that have a connection: those without one are forgotten at once. */
const KNOWN_AT_MOST = 65_536;
/** Beyond an IPv4 address. */
const WORD = 2 ** 32;

/** What the data plane knows of a guest address, or of its use of a service that has limits of its own. */
export class Guest implements TurnTaker {
  /** The same for all that this class knows of one guest: its bridge's id and its address. */
  readonly identity: number;
  /** Living relays. */
  connections = 0;
  /** Of its new connections. */
  readonly bucket = new TokenBucket();
  /** When it last wanted a connection (ms, monotonic). */
  seenAt = 0;
  turn = -1;
  credit = 0;
  waiting: Work[] = [];

  constructor(identity: number) {
    this.identity = identity;
  }
}

/** The guests of a bridge, and what each of them may have. */
export class Guests {
  private readonly guests = new Map<number, Guest>();
  private readonly bridgeId: number;
  private sweptAt = 0;
  private knownAtMost = KNOWN_AT_MOST;

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
    let guest = this.guests.get(key);
    if (guest === undefined) {
      if (this.guests.size >= this.knownAtMost) this.forgetAtOnce();
      guest = new Guest(ip + this.bridgeId * WORD);
      this.guests.set(key, guest);
    }
    return guest;
  }

  /** Forgets those that have had no connection for a while; `now` in ms. True while there is somebody to forget. */
  sweep(now: number): boolean {
    if (now - this.sweptAt >= FORGET_MS) {
      this.sweptAt = now;
      this.forget(now - FORGET_MS);
    }
    return this.guests.size > 0;
  }

  private forgetAtOnce(): void {
    this.forget(Number.POSITIVE_INFINITY);
    // Not again for every single one where most of them have connections.
    this.knownAtMost = Math.max(KNOWN_AT_MOST, this.guests.size * 2);
  }

  private forget(before: number): void {
    for (const [key, guest] of this.guests) {
      if (guest.connections === 0 && guest.waiting.length === 0 && guest.seenAt < before) {
        this.guests.delete(key);
      }
    }
  }
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
