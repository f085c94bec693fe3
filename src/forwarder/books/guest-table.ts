import type { FinishedRecord } from '../../dataplane/connection-records.ts';

/** Guests that are remembered. A guest can take any address of its network, so there is no end of them. */
const GUESTS_AT_MOST = 2048;

export interface GuestCounters {
  readonly bridge: string;
  /** Its address as a number. */
  readonly ip: number;
  finished: number;
  bytesToUpstream: number;
  bytesToGuest: number;
}

/** The guests whose connections ended last, the latest at the end. */
export class GuestTable {
  private readonly guests = new Map<string, GuestCounters>();

  add(bridge: string, { guestIp, bytesToUpstream, bytesToGuest }: FinishedRecord): void {
    const key = `${guestIp} ${bridge}`;
    const known = this.guests.get(key);
    const guest = known ?? { bridge, ip: guestIp, finished: 0, bytesToUpstream: 0, bytesToGuest: 0 };
    guest.finished += 1;
    guest.bytesToUpstream += bytesToUpstream;
    guest.bytesToGuest += bytesToGuest;
    if (known !== undefined) this.guests.delete(key);
    this.guests.set(key, guest);
    if (this.guests.size > GUESTS_AT_MOST) this.forgetTheFirst();
  }

  values(): IterableIterator<Readonly<GuestCounters>> {
    return this.guests.values();
  }

  private forgetTheFirst(): void {
    for (const key of this.guests.keys()) {
      this.guests.delete(key);
      return;
    }
  }
}
