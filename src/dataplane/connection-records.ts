import { readRows } from './flat-rows.ts';
import { OUTCOMES, type Outcome } from './outcome.ts';
import type { Parties } from './parties.ts';
import type { Relay } from './relay.ts';

/** One finished connection. Times in milliseconds, addresses as numbers. */
export interface FinishedRecord extends Parties {
  readonly bridgeId: number;
  readonly bytesToUpstream: number;
  readonly bytesToGuest: number;
  readonly durationMs: number;
  /** From dialling the upstream to its answer; -1: it did not answer. */
  readonly connectMs: number;
  readonly outcome: Outcome;
}

const FIELDS = 11;
const PER_BATCH = 512;

/**
 * Finished connections on their way to the main thread, as flat numbers: a batch is one transfer without a copy, so that
 * logging costs the data plane next to nothing.
 */
export class RecordBatch {
  private readonly values: Float64Array<ArrayBuffer>;
  private used = 0;

  constructor(capacity = PER_BATCH) {
    this.values = new Float64Array(capacity * FIELDS);
  }

  get isEmpty(): boolean {
    return this.used === 0;
  }

  get isFull(): boolean {
    return this.used === this.values.length;
  }

  add(
    bridgeId: number,
    parties: Parties,
    bytesToUpstream: number,
    bytesToGuest: number,
    durationMs: number,
    connectMs: number,
    outcome: Outcome,
  ): void {
    const { values } = this;
    let at = this.used;
    values[at++] = bridgeId;
    values[at++] = parties.servicePort;
    values[at++] = parties.guestIp;
    values[at++] = parties.guestPort;
    values[at++] = parties.upstreamIp;
    values[at++] = parties.upstreamPort;
    values[at++] = bytesToUpstream;
    values[at++] = bytesToGuest;
    values[at++] = durationMs;
    values[at++] = connectMs;
    values[at++] = OUTCOMES.indexOf(outcome);
    this.used = at;
  }

  /** What a relay has done until `now` (ms, monotonic). */
  addRelay(relay: Relay, now: number, outcome: Outcome): void {
    const { bridge, parties, bytesToUpstream, bytesToGuest, connectMs } = relay;
    this.add(bridge.id, parties, bytesToUpstream, bytesToGuest, now - relay.startedAt, connectMs, outcome);
  }

  /** The records so far; the batch is empty then. */
  take(): Float64Array<ArrayBuffer> {
    const taken = this.values.slice(0, this.used);
    this.used = 0;
    return taken;
  }
}

/** Living relays as records of what they have done until `now`; their outcome is `open`. */
export function listOf(relays: readonly Relay[], now: number): Float64Array<ArrayBuffer> {
  const batch = new RecordBatch(relays.length);
  for (const relay of relays) batch.addRelay(relay, now, 'open');
  return batch.take();
}

/** The records of a batch. */
export function readRecords(values: Float64Array): readonly FinishedRecord[] {
  return readRows(values, FIELDS, (field) => ({
    bridgeId: field(0),
    servicePort: field(1),
    guestIp: field(2),
    guestPort: field(3),
    upstreamIp: field(4),
    upstreamPort: field(5),
    bytesToUpstream: field(6),
    bytesToGuest: field(7),
    durationMs: field(8),
    connectMs: field(9),
    outcome: OUTCOMES[field(10)] ?? 'error',
  }));
}
