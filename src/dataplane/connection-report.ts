import type { Bridge } from './bridge.ts';
import { listOf, RecordBatch } from './connection-records.ts';
import type { FromDataPlane } from './messages.ts';
import type { Outcome } from './outcome.ts';
import type { Parties } from './parties.ts';
import type { Relay } from './relay.ts';
import { sumOf } from './relay-sums.ts';

/** Relays told of at once: a list of more would be of use to nobody. */
const LISTED_AT_MOST = 16_384;

/** Tells the main thread. What is listed goes over without a copy. */
export type Post = (message: FromDataPlane, transfer?: ArrayBuffer[]) => void;

/** What the main thread is told of connections: finished ones as they come, living ones when it asks. */
export class Report {
  private readonly post: Post;
  private readonly bridges: ReadonlyMap<number, Bridge>;
  private readonly records = new RecordBatch();

  constructor(post: Post, bridges: ReadonlyMap<number, Bridge>) {
    this.post = post;
    this.bridges = bridges;
  }

  /** Nothing waits to be told. */
  get isEmpty(): boolean {
    return this.records.isEmpty;
  }

  /** A relay has ended at `now` (ms, monotonic). */
  finished(relay: Relay, now: number, outcome: Outcome): void {
    this.records.addRelay(relay, now, outcome);
    if (this.records.isFull) this.flush();
  }

  /** A connection never became a relay. */
  failed(bridge: Bridge, parties: Parties, outcome: Outcome): void {
    this.records.add(bridge.id, parties, 0, 0, 0, -1, outcome);
    if (this.records.isFull) this.flush();
  }

  /** Sends what is left to be told. */
  flush(): void {
    if (this.records.isEmpty) return;
    const records = this.records.take();
    this.post({ type: 'records', records }, [records.buffer]);
  }

  count(id: number): void {
    const byBridge = [...this.bridges.values()].map((bridge) => ({
      bridgeId: bridge.id,
      relays: bridge.relays.size,
    }));
    const relays = byBridge.reduce((sum, bridge) => sum + bridge.relays, 0);
    this.post({ type: 'counted', id, relays, byBridge });
  }

  list(id: number, now: number): void {
    const relays = listOf(this.livingRelays().slice(0, LISTED_AT_MOST), now);
    this.post({ type: 'listed', id, relays }, [relays.buffer]);
  }

  sum(id: number, byGuest: boolean): void {
    // Every connection is in the records or in the sums, and none in both: counters never fall back.
    this.flush();
    const sums = sumOf(this.livingRelays(), byGuest);
    this.post({ type: 'summed', id, sums }, [sums.buffer]);
  }

  livingRelays(): Relay[] {
    return [...this.bridges.values()].flatMap(({ relays }) => [...relays]);
  }
}
