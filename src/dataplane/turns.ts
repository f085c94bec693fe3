import type { Reactor } from './reactor.ts';

/** Units of work that a guest may have done in a turn: while others want something too, and while it is alone. */
const CREDIT_AMONG_OTHERS = 4;
const CREDIT_ALONE = 1024;
/** A guest is among others for this long after another one's work was done. */
const MEMORY_MS = 1000;

/** Work for a guest that had to be put off. */
export interface Work {
  /** Does a piece of it. */
  onTurn(): void;
}

/** What there has to be of a guest. */
export interface TurnTaker {
  /** The same for all that is known of one guest in several places. */
  readonly identity: number;
  /** The reactor's turn that `credit` is of. */
  turn: number;
  /** Units of work that may be done for it in this turn. */
  credit: number;
  /** Work that was put off. */
  waiting: Work[];
}

/**
 * Shares the thread between guests: what is to be done for a guest beyond its credit waits for the next turn of the reactor,
 * in which all others get theirs first. For a guest that is alone hardly anything ever waits.
 */
export class Turns {
  private readonly reactor: Pick<Reactor, 'turn' | 'now' | 'defer'>;
  private round: TurnTaker[] = [];
  private planned = false;
  /** Identity of the guest that had the last turn. */
  private current = Number.NaN;
  private changedAt = Number.NEGATIVE_INFINITY;

  constructor(reactor: Pick<Reactor, 'turn' | 'now' | 'defer'>) {
    this.reactor = reactor;
  }

  /** Work was done for more than one guest of late. */
  get areShared(): boolean {
    return this.reactor.now - this.changedAt < MEMORY_MS;
  }

  /** True when something may be done for `guest` now; otherwise it has to wait for its turn (`later`). */
  may(guest: TurnTaker): boolean {
    this.begin(guest);
    return guest.credit > 0 && guest.waiting.length === 0;
  }

  /** Does `work` for `guest` when its turn comes: at the end of this turn of the reactor if it has credit, or in the next. */
  later(guest: TurnTaker, work: Work): void {
    if (guest.waiting.push(work) === 1) this.round.push(guest);
    this.plan();
  }

  /** Something is done for `guest`, who counts among those that share the thread. */
  begin(guest: TurnTaker): void {
    if (guest.identity !== this.current) {
      if (!Number.isNaN(this.current)) this.changedAt = this.reactor.now;
      this.current = guest.identity;
    }
    if (guest.turn === this.reactor.turn) return;
    guest.turn = this.reactor.turn;
    guest.credit = this.areShared ? CREDIT_AMONG_OTHERS : CREDIT_ALONE;
  }

  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.reactor.defer(() => this.serve());
  }

  /** Who waits gets what its credit allows. What is put off meanwhile comes after what waits already. */
  private serve(): void {
    this.planned = false;
    const round = this.round;
    this.round = [];
    for (const guest of round) {
      this.begin(guest);
      const works = guest.waiting;
      guest.waiting = [];
      let done = 0;
      for (; done < works.length && guest.credit > 0; done++) works[done]?.onTurn();
      const left = works.slice(done);
      // `later` has put it into the next round if there is new work.
      if (left.length > 0 && guest.waiting.length === 0) this.round.push(guest);
      guest.waiting = left.concat(guest.waiting);
    }
    if (this.round.length > 0) this.plan();
  }
}
