import { type FinishedRecord, readRecords } from '../../dataplane/connection-records.ts';
import { OUTCOMES } from '../../dataplane/outcome.ts';
import { CONNECT_BUCKETS_MS } from '../../model/stats.ts';
import { GuestTable } from './guest-table.ts';

/** Services counted at once. A host with more has the counters of those that it serves, and no others. */
const SERVICES_AT_MOST = 4096;

/** What the connections to one service port of a bridge came to, the living ones excepted. */
export class ServiceCounters {
  finished = 0;
  bytesToUpstream = 0;
  bytesToGuest = 0;
  connectSumMs = 0;
  private readonly outcomes = new Float64Array(OUTCOMES.length);
  private readonly connects = new Float64Array(CONNECT_BUCKETS_MS.length + 1);

  add(record: FinishedRecord): void {
    this.finished += 1;
    this.bytesToUpstream += record.bytesToUpstream;
    this.bytesToGuest += record.bytesToGuest;
    const outcome = OUTCOMES.indexOf(record.outcome);
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    if (record.connectMs >= 0) this.connected(record.connectMs);
  }

  /** How many connections were answered by the upstream within each bucket's time, not cumulative. */
  get connectCounts(): readonly number[] {
    return [...this.connects];
  }

  /** Outcomes that there were. */
  get byOutcome(): Readonly<Record<string, number>> {
    const found = OUTCOMES.map((outcome, i) => [outcome, this.outcomes[i] ?? 0] as const);
    return Object.fromEntries(found.filter(([, count]) => count > 0));
  }

  private connected(ms: number): void {
    const found = CONNECT_BUCKETS_MS.findIndex((bound) => ms <= bound);
    const bucket = found < 0 ? CONNECT_BUCKETS_MS.length : found;
    this.connects[bucket] = (this.connects[bucket] ?? 0) + 1;
    this.connectSumMs += ms;
  }
}

export interface BridgeCounters {
  readonly services: Map<number, ServiceCounters>;
  /** Connections over a limit, by limit. */
  readonly refused: Map<string, number>;
  recoveries: number;
}

/**
 * Counts what happens, from the start of the forwarder on. A bridge keeps its counters when it goes and comes back; beyond
 * `SERVICES_AT_MOST` those that are not served are forgotten.
 */
export class Counters {
  readonly guests = new GuestTable();
  private readonly bridges = new Map<string, BridgeCounters>();
  private readonly nameOf: (bridgeId: number) => string | undefined;
  private readonly isServed: (bridge: string) => boolean;
  private services = 0;

  constructor(nameOf: (bridgeId: number) => string | undefined, isServed: (bridge: string) => boolean) {
    this.nameOf = nameOf;
    this.isServed = isServed;
  }

  /** Counts a batch of the data plane. */
  add(batch: Float64Array): void {
    for (const record of readRecords(batch)) {
      const name = this.nameOf(record.bridgeId);
      if (name === undefined) continue;
      this.service(this.bridge(name), record.servicePort).add(record);
      this.guests.add(name, record);
    }
  }

  refused(bridgeId: number, limit: string, count: number): void {
    const name = this.nameOf(bridgeId);
    if (name === undefined) return;
    const { refused } = this.bridge(name);
    refused.set(limit, (refused.get(limit) ?? 0) + count);
  }

  recovered(bridge: string): void {
    this.bridge(bridge).recoveries += 1;
  }

  entries(): IterableIterator<[string, Readonly<BridgeCounters>]> {
    return this.bridges.entries();
  }

  private bridge(name: string): BridgeCounters {
    const known = this.bridges.get(name);
    if (known !== undefined) return known;
    const fresh = { services: new Map(), refused: new Map(), recoveries: 0 };
    this.bridges.set(name, fresh);
    return fresh;
  }

  private service({ services }: BridgeCounters, port: number): ServiceCounters {
    const known = services.get(port);
    if (known !== undefined) return known;
    const fresh = new ServiceCounters();
    services.set(port, fresh);
    this.services += 1;
    if (this.services > SERVICES_AT_MOST) this.forgetTheGone();
    return fresh;
  }

  private forgetTheGone(): void {
    for (const [name, { services }] of this.bridges) {
      if (this.isServed(name)) continue;
      this.bridges.delete(name);
      this.services -= services.size;
    }
  }
}
