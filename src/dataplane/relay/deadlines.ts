/** Something with a deadline. The links belong to `Deadlines`. */
export interface Timed {
  /** When `onDeadline` is due (ms, monotonic). */
  deadline: number;
  /** The queue it waits in. */
  waitsIn: Deadlines | undefined;
  previousTimed: Timed | undefined;
  nextTimed: Timed | undefined;
  onDeadline(now: number): void;
}

/** Takes an item out of the queue it waits in, if any. */
export function clearDeadline(item: Timed): void {
  item.waitsIn?.remove(item);
}

/**
 * Deadlines that all lie the same time ahead, so that a queue in order of arrival is a queue in order of time: setting and
 * clearing one costs no search and no allocation. After `delayMs` was made shorter the earlier ones may come late.
 */
export class Deadlines {
  private first: Timed | undefined;
  private last: Timed | undefined;
  /** 0: deadlines of this kind are off. */
  delayMs: number;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
  }

  /** Puts `item` at the end, taking it out of the queue it waits in. */
  set(item: Timed, now: number): void {
    clearDeadline(item);
    if (this.delayMs <= 0) return;
    item.deadline = now + this.delayMs;
    item.waitsIn = this;
    item.previousTimed = this.last;
    item.nextTimed = undefined;
    if (this.last === undefined) this.first = item;
    else this.last.nextTimed = item;
    this.last = item;
  }

  remove(item: Timed): void {
    const { previousTimed, nextTimed } = item;
    if (previousTimed === undefined) this.first = nextTimed;
    else previousTimed.nextTimed = nextTimed;
    if (nextTimed === undefined) this.last = previousTimed;
    else nextTimed.previousTimed = previousTimed;
    item.previousTimed = undefined;
    item.nextTimed = undefined;
    item.waitsIn = undefined;
  }

  /** Calls those that are due; true while others wait. */
  expire(now: number): boolean {
    for (let item = this.first; item !== undefined && item.deadline <= now; item = this.first) {
      this.remove(item);
      item.onDeadline(now);
    }
    return this.first !== undefined;
  }
}
