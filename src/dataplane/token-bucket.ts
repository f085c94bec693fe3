/** An allowance of connections that grows with time, to one second's worth at the most. */
export class TokenBucket {
  private allowance = Number.POSITIVE_INFINITY;
  private reckonedAt = 0;

  /** True when there is something left of `rate` (per second; 0: no limit) at `now` (ms, monotonic). */
  may(rate: number, now: number): boolean {
    if (rate === 0) return true;
    this.allowance = Math.min(rate, this.allowance + ((now - this.reckonedAt) * rate) / 1000);
    this.reckonedAt = now;
    return this.allowance >= 1;
  }

  /** Uses one up, if any is left. */
  count(rate: number): void {
    if (rate > 0) this.allowance = Math.max(0, this.allowance - 1);
  }
}
