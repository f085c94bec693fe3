import type { Bridge } from '../bridge.ts';
import { RESPITE_MS } from '../exhaustion.ts';
import type { AdmissionLimits, ServiceRoute } from '../messages.ts';
import type { Outcome } from '../outcome.ts';
import { type Guest, refusal } from './guests.ts';
import { Refusals } from './refusals.ts';

/** Kept free for pipes of bulk transfers and everything that is neither a relay nor a bridge's. */
const DESCRIPTOR_RESERVE = 1024;
const DESCRIPTORS_PER_RELAY = 2;
/** Its unix socket, its listener's connection, and the one of a listener that succeeds it; each port's socket comes on top. */
const DESCRIPTORS_PER_BRIDGE = 3;
const LEAST_RELAYS = 16;
/** Share of the limit below which a full data plane takes connections again. */
const ROOM_AGAIN = 0.98;
/**
 * A bridge may have this many times the room that is left, where there are several, and a guest address this many times what
 * is left to its bridge, where there are others. A guest can have any number of addresses: limits per address alone don't keep
 * it from using up what the guests of other bridges need.
 */
const SHARE_OF_THE_REST = 4;

/**
 * Who may have a connection, and when. A guest over its limit is refused, at its own expense alone. When a bridge or the
 * whole process has no room its guests wait, in the kernel's queues.
 */
export class Admission {
  limits: AdmissionLimits;
  readonly refusals = new Refusals();
  /** Bridges whose guests wait. */
  readonly paused = new Set<Bridge>();
  private readonly descriptorLimit: number;
  private relayLimit: number;
  private isFull = false;
  private bridges = 0;
  private restUntil = 0;

  constructor(limits: AdmissionLimits, descriptorLimit: number) {
    this.limits = limits;
    this.descriptorLimit = descriptorLimit;
    this.relayLimit = roomFor(descriptorLimit, DESCRIPTOR_RESERVE);
  }

  /** True while something has to be looked at again at the next tick. */
  get isBusy(): boolean {
    return this.paused.size > 0 || !this.refusals.isEmpty;
  }

  /** Keeps descriptors for what these bridges need themselves. */
  reserve(bridges: Iterable<Bridge>): void {
    let others = DESCRIPTOR_RESERVE;
    this.bridges = 0;
    for (const { routes } of bridges) {
      others += DESCRIPTORS_PER_BRIDGE + routes.size;
      this.bridges += 1;
    }
    this.relayLimit = roomFor(this.descriptorLimit, others);
  }

  /** Accepts nothing for a moment: the process is out of descriptors or memory. */
  rest(now: number): void {
    this.restUntil = now + RESPITE_MS;
  }

  /** False while connections of the bridge have to wait; `relays`: those of the whole process. */
  mayAccept(bridge: Bridge, relays: number, now: number): boolean {
    if (relays >= this.relayLimit) this.isFull = true;
    else if (relays < this.relayLimit * ROOM_AGAIN) this.isFull = false;
    if (this.isFull || now < this.restUntil) return false;
    if (this.roomOf(bridge, relays) <= 0) return false;
    const { bridgeConnections, bridgeRate } = this.limits;
    if (bridgeConnections > 0 && bridge.relays.size >= bridgeConnections) return false;
    return bridge.bucket.may(bridgeRate, now);
  }

  /** Why this guest may not have one connection more; undefined: it has it. */
  refusal(
    bridge: Bridge,
    guest: Guest,
    route: ServiceRoute,
    now: number,
    isAlone: boolean,
  ): Outcome | undefined {
    const refused = refusal(guest, route, this.limits, now, isAlone);
    if (refused === undefined) bridge.bucket.count(this.limits.bridgeRate);
    return refused;
  }

  /**
   * True while a guest that is not alone on its bridge has all that it may have; `relays`: those of the whole process. To let it
   * wait would have the others wait behind it.
   */
  hasItsShare(bridge: Bridge, guest: Guest, relays: number): boolean {
    return guest.whole.allConnections >= this.roomOf(bridge, relays) * SHARE_OF_THE_REST;
  }

  /** How many relays more the bridge may have before its guests wait, its own limits left aside. */
  private roomOf(bridge: Bridge, relays: number): number {
    const room = this.relayLimit - relays;
    return this.bridges > 1 ? Math.min(room, room * SHARE_OF_THE_REST - bridge.relays.size) : room;
  }

  /** Listens again to the bridges whose guests need not wait any longer. */
  resume(relays: number, now: number): void {
    for (const bridge of this.paused) {
      if (!this.mayAccept(bridge, relays, now)) continue;
      // The next to wait goes to the end of the line.
      this.paused.delete(bridge);
      bridge.sockets.resume();
    }
  }
}

function roomFor(descriptors: number, others: number): number {
  return Math.max(LEAST_RELAYS, Math.floor((descriptors - others) / DESCRIPTORS_PER_RELAY));
}
