import { OUTCOMES, type Outcome } from './outcome.ts';
import type { Parties } from './relay.ts';

/** One finished connection. Times in milliseconds, addresses as numbers. */
export interface FinishedRecord extends Parties {
  readonly bridgeId: number;
  readonly bytesToUpstream: number;
  readonly bytesToGuest: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
}

const FIELDS = 10;
const PER_BATCH = 512;

/**
 * Finished connections on their way to the main thread, as flat numbers: a batch is one transfer without a copy, so that
 * logging costs the data plane next to nothing.
 */
export class RecordBatch {
  private values = new Float64Array(PER_BATCH * FIELDS);
  private used = 0;

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
    values[at++] = OUTCOMES.indexOf(outcome);
    this.used = at;
  }

  /** The records so far; the batch is empty then. */
  take(): Float64Array<ArrayBuffer> {
    const taken = this.values.slice(0, this.used);
    this.used = 0;
    return taken;
  }
}

/** The records of a batch. */
export function* readRecords(values: Float64Array): Generator<FinishedRecord> {
  for (let at = 0; at + FIELDS <= values.length; at += FIELDS) {
    const field = (i: number): number => values[at + i] ?? 0;
    yield {
      bridgeId: field(0),
      servicePort: field(1),
      guestIp: field(2),
      guestPort: field(3),
      upstreamIp: field(4),
      upstreamPort: field(5),
      bytesToUpstream: field(6),
      bytesToGuest: field(7),
      durationMs: field(8),
      outcome: OUTCOMES[field(9)] ?? 'error',
    };
  }
}
