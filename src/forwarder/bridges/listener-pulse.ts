/** A listener answers within microseconds; one that needs this long is hung. */
const SILENCE_MS = 5000;

/** Tells whether a listener answers. */
export class ListenerPulse {
  /** Since when a question is unanswered (ms, monotonic). */
  private askedAt: number | undefined;

  /** What is to be done at `now`: ask it, wait for its answer, or give it up. */
  check(now: number): 'ask' | 'wait' | 'silent' {
    if (this.askedAt === undefined) {
      this.askedAt = now;
      return 'ask';
    }
    return now - this.askedAt < SILENCE_MS ? 'wait' : 'silent';
  }

  answered(): void {
    this.askedAt = undefined;
  }
}
