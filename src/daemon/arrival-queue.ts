import { type Arrival, CONNECTIONS_PER_MESSAGE } from '../dataplane/handover.ts';
import { close } from '../linux/descriptor.ts';

/** Accepted and not acknowledged; beyond it guests wait in the kernel's queue. */
const LIMIT = 512;

/**
 * Accepted connections in order of their coming. A forwarder takes them from the front and acknowledges; until then the
 * listener keeps its descriptors, so that they can go to another forwarder.
 */
export class ArrivalQueue {
  private arrivals: Arrival[] = [];
  private sent = 0;

  get isFull(): boolean {
    return this.arrivals.length >= LIMIT;
  }

  get isEmpty(): boolean {
    return this.arrivals.length === 0;
  }

  add(arrival: Arrival): void {
    this.arrivals.push(arrival);
  }

  /** The next connections to hand over, as many as one message takes. */
  unsent(): readonly Arrival[] {
    return this.arrivals.slice(this.sent, this.sent + CONNECTIONS_PER_MESSAGE);
  }

  markSent(count: number): void {
    this.sent += count;
  }

  /** The forwarder has its own copies of the first `count`. */
  acknowledge(count: number): void {
    const taken = this.arrivals.splice(0, Math.min(count, this.sent));
    this.sent -= taken.length;
    for (const { fd } of taken) close(fd);
  }

  /** The forwarder is gone: what it did not acknowledge it did not touch, so it is handed over again. */
  takeBack(): void {
    this.sent = 0;
  }

  /** We hang up on a living forwarder: it hears out what was sent, so that is its own from now on. */
  letGo(): void {
    this.acknowledge(this.sent);
  }
}
