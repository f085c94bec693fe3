/** The upstream of a service port that is closed. */
export const CLOSED = 0;

interface Change {
  /** Port of the upstream, or `CLOSED`. */
  readonly upstream: number;
  /** When somebody began to bring it about, and when the verb that did had returned 0 (ms, monotonic). */
  readonly began: number;
  done: number;
}

/** Where a service port of a bridge leads, over time. */
export class Timeline {
  private readonly changes: Change[];

  constructor(upstream: number) {
    this.changes = [{ upstream, began: Number.NEGATIVE_INFINITY, done: Number.NEGATIVE_INFINITY }];
  }

  get current(): number {
    return this.changes.at(-1)?.upstream ?? CLOSED;
  }

  begin(upstream: number, now: number): void {
    this.changes.push({ upstream, began: now, done: Number.POSITIVE_INFINITY });
  }

  /** All that has begun holds now. */
  done(now: number): void {
    for (const change of this.changes) change.done = Math.min(change.done, now);
  }

  /**
   * What a connection may have met that was opened at `start` and had its answer at `end`: each upstream from the moment
   * its change began until the next change was done.
   */
  possible(start: number, end: number): ReadonlySet<number> {
    const met = this.changes.filter(({ began }, i) => {
      const over = this.changes[i + 1]?.done ?? Number.POSITIVE_INFINITY;
      return began <= end && start <= over;
    });
    return new Set(met.map(({ upstream }) => upstream));
  }
}

/** The machine's monotonic clock in milliseconds: the same in every process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
