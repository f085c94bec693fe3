import type { Outcome } from '../outcome.ts';

const TELL_EVERY_MS = 1000;

/** Connections of a bridge that were refused for one cause. */
export interface Refusal {
  readonly bridgeId: number;
  readonly cause: Outcome;
  /** How many since it was told last. */
  count: number;
  /** The last of them: its guest's address as a number, and the service port. */
  guestIp: number;
  servicePort: number;
}

/**
 * Counts what is refused because of limits. A flood of connections must not become a flood of log lines: it is told at most
 * once a second, per bridge and cause.
 */
export class Refusals {
  private readonly causes = new Map<string, Refusal>();
  private toldAt = Number.NEGATIVE_INFINITY;

  add(bridgeId: number, cause: Outcome, guestIp: number, servicePort: number): void {
    const key = `${bridgeId} ${cause}`;
    const known = this.causes.get(key);
    if (known === undefined) {
      this.causes.set(key, { bridgeId, cause, count: 1, guestIp, servicePort });
      return;
    }
    known.count += 1;
    known.guestIp = guestIp;
    known.servicePort = servicePort;
  }

  get isEmpty(): boolean {
    return this.causes.size === 0;
  }

  /** What is to be told at `now` (ms, monotonic); it is forgotten here then. */
  due(now: number): readonly Refusal[] {
    if (this.isEmpty || now - this.toldAt < TELL_EVERY_MS) return [];
    this.toldAt = now;
    return this.take();
  }

  take(): readonly Refusal[] {
    const refusals = [...this.causes.values()];
    this.causes.clear();
    return refusals;
  }
}
