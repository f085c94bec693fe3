import { readRows } from './flat-rows.ts';
import type { Relay } from './relay.ts';

/** What the living relays of one guest at one service port have moved so far. */
export interface RelaySum {
  readonly bridgeId: number;
  readonly servicePort: number;
  /** Address as a number; 0: of guests together. */
  readonly guestIp: number;
  readonly relays: number;
  readonly bytesToUpstream: number;
  readonly bytesToGuest: number;
}

const FIELDS = 6;
/** Guests told apart; the others are told together, so that the sums are right whatever there is. */
const GUESTS_AT_MOST = 8192;

/** Sums per bridge, service port and, where asked for, guest, as flat numbers (`readSums`). */
export function sumOf(relays: Iterable<Relay>, byGuest: boolean): Float64Array<ArrayBuffer> {
  const values: number[] = [];
  const places = new Map<number, Map<number, number>>();
  const place = (bridgeId: number, servicePort: number, guestIp: number): number => {
    const ofBridge = places.get(bridgeId) ?? new Map<number, number>();
    places.set(bridgeId, ofBridge);
    const key = servicePort * 2 ** 32 + guestIp;
    const known = ofBridge.get(key);
    if (known !== undefined) return known;
    const isOneTooMany = guestIp !== 0 && values.length >= GUESTS_AT_MOST * FIELDS;
    const at = isOneTooMany ? place(bridgeId, servicePort, 0) : values.length;
    ofBridge.set(key, at);
    if (!isOneTooMany) values.push(bridgeId, servicePort, guestIp, 0, 0, 0);
    return at;
  };
  for (const { bridge, parties, bytesToUpstream, bytesToGuest } of relays) {
    const at = place(bridge.id, parties.servicePort, byGuest ? parties.guestIp : 0);
    values[at + 3] = (values[at + 3] ?? 0) + 1;
    values[at + 4] = (values[at + 4] ?? 0) + bytesToUpstream;
    values[at + 5] = (values[at + 5] ?? 0) + bytesToGuest;
  }
  return Float64Array.from(values);
}

export function readSums(values: Float64Array): readonly RelaySum[] {
  return readRows(values, FIELDS, (field) => ({
    bridgeId: field(0),
    servicePort: field(1),
    guestIp: field(2),
    relays: field(3),
    bytesToUpstream: field(4),
    bytesToGuest: field(5),
  }));
}
