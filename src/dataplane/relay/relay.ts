import { close } from '../../linux/descriptor.ts';
import { EPOLLIN, EPOLLOUT, EPOLLRDHUP } from '../../linux/epoll.ts';
import {
  ackNow,
  closeWithReset,
  setKeepalive,
  shutdownWrite,
  socketError,
  unacknowledged,
} from '../../linux/tcp-socket.ts';
import type { Guest } from '../admission/guests.ts';
import type { Turns } from '../admission/turns.ts';
import { connectOutcome, type Outcome } from '../outcome.ts';
import type { Parties } from '../parties.ts';
import type { Reactor } from '../reactor.ts';
import { clearDeadline, type Deadlines, type Timed } from './deadlines.ts';
import { Flow, Progress } from './flow.ts';
import { IdleCheck } from './idle-check.ts';
import type { Pipes } from './pipes.ts';
import { ALL_BUT_ROOM, ALL_EVENTS, isBroken, Side, type SideOwner } from './side.ts';
import type { Timers } from './timers.ts';

/** Work for what a side said before it failed. */
const LAST_WORDS = 64;

/** What relays share: their reactor, their pipes, their time limits and who hears of their end. */
export interface RelayOwner {
  readonly reactor: Reactor;
  readonly pipes: Pipes;
  readonly turns: Turns;
  readonly timers: Timers;
  finished(relay: Relay, outcome: Outcome): void;
}

/** What relays know of their bridge. */
export interface RelayedBridge {
  readonly id: number;
  /** The living ones. */
  readonly relays: Set<Relay>;
}

/**
 * downstream ◄──► upstream: one joined pair of sockets, from the moment the upstream is dialled.
 *
 * Half-close is kept in both directions; an error of either side becomes a reset of the other.
 */
export class Relay implements SideOwner, Timed {
  readonly bridge: RelayedBridge;
  readonly guest: Guest;
  readonly parties: Parties;
  readonly startedAt: number;
  /** From dialling the upstream to its answer (ms); -1: it has not answered. */
  connectMs = -1;
  deadline = 0;
  waitsIn: Deadlines | undefined = undefined;
  previousTimed: Timed | undefined = undefined;
  nextTimed: Timed | undefined = undefined;
  private readonly owner: RelayOwner;
  private readonly downstream: Side;
  private readonly upstream: Side;
  private readonly toUpstream: Flow;
  private readonly toGuest: Flow;
  private state: 'connecting' | 'open' | 'closed' = 'connecting';
  private probed = false;
  private readonly idleCheck = new IdleCheck();

  /**
   * Takes over both descriptors; connect(2) has been called on the upstream one. The upstream hears `header` before anything
   * the guest says. Throws when epoll refuses.
   */
  constructor(
    owner: RelayOwner,
    whose: { readonly bridge: RelayedBridge; readonly guest: Guest },
    sockets: { readonly downstream: number; readonly upstream: number },
    parties: Parties,
    header?: Buffer,
  ) {
    this.owner = owner;
    this.bridge = whose.bridge;
    this.guest = whose.guest;
    this.parties = parties;
    this.startedAt = owner.reactor.now;
    this.downstream = new Side(this, sockets.downstream, true);
    this.upstream = new Side(this, sockets.upstream, false);
    this.toUpstream = new Flow(this.downstream, this.upstream, owner.pipes, header);
    this.toGuest = new Flow(this.upstream, this.downstream, owner.pipes);
    this.upstream.registration = owner.reactor.add(sockets.upstream, ALL_EVENTS, this.upstream);
    owner.timers.connecting.set(this, owner.reactor.now);
  }

  get bytesToUpstream(): number {
    return this.toUpstream.bytes;
  }

  get bytesToGuest(): number {
    return this.toGuest.bytes;
  }

  onSideEvents(side: Side, events: number): void {
    if (this.state === 'connecting') {
      this.connected(events);
      return;
    }
    side.note(events);
    const [outgoing, incoming] =
      side === this.downstream ? [this.toUpstream, this.toGuest] : [this.toGuest, this.toUpstream];
    if (side.readable) this.advance(outgoing);
    if (side.writable && this.state === 'open') this.advance(incoming);
    // A reset after FIN: there is nothing left to read that would show it, and maybe nothing to send either.
    if (outgoing.done && isBroken(events)) {
      this.end(side === this.downstream ? 'guest-reset' : 'upstream-reset');
    }
  }

  onDeadline(now: number): void {
    if (this.state === 'connecting') {
      this.end('connect-timeout');
      return;
    }
    this.probe();
    const { lingering, idling } = this.owner.timers;
    const halfClosed = (this.toUpstream.done || this.toGuest.done) && lingering.delayMs > 0;
    const queue = halfClosed ? lingering : idling;
    if (this.wasQuiet() && now - this.startedAt >= queue.delayMs && queue.delayMs > 0) {
      this.end(halfClosed ? 'linger-timeout' : 'idle-timeout');
      return;
    }
    queue.set(this, now);
  }

  private wasQuiet(): boolean {
    const { toUpstream, toGuest, upstream, downstream } = this;
    const waiting =
      toUpstream.held + toGuest.held + unacknowledged(upstream.fd) + unacknowledged(downstream.fd);
    return this.idleCheck.look(toUpstream.bytes + toGuest.bytes, waiting);
  }

  /** Ends the relay at once, both sides with a reset. */
  cut(outcome: Outcome): void {
    this.end(outcome);
  }

  /** Timers of its own would cost a short relay more than they could ever bring it. */
  private probe(): void {
    if (this.probed) return;
    this.probed = true;
    const { keepaliveS } = this.owner.timers;
    if (keepaliveS === 0) return;
    setKeepalive(this.upstream.fd, keepaliveS);
    setKeepalive(this.downstream.fd, keepaliveS);
  }

  private connected(events: number): void {
    const { upstream, downstream, owner } = this;
    if (isBroken(events)) {
      this.end(connectOutcome(socketError(upstream.fd)));
      return;
    }
    if ((events & EPOLLOUT) === 0) return;
    this.state = 'open';
    this.connectMs = owner.reactor.now - this.startedAt;
    upstream.writable = true;
    upstream.readable = (events & (EPOLLIN | EPOLLRDHUP)) !== 0;
    owner.timers.young.set(this, owner.reactor.now);
    // What the guest said first is there already: it had a round trip to say it. Its events are asked for afterwards.
    downstream.readable = true;
    this.advance(this.toUpstream);
    if (this.state !== 'open') return;
    // Nothing was sent that the acknowledgement of the handshake could have gone with: the upstream may speak first.
    if (this.bytesToUpstream === 0) ackNow(upstream.fd);
    try {
      downstream.registration = owner.reactor.add(downstream.fd, ALL_BUT_ROOM, downstream);
    } catch {
      this.end('error');
      return;
    }
    if (upstream.readable) this.advance(this.toGuest);
  }

  private advance(flow: Flow): void {
    if (flow.done || flow.planned || this.state !== 'open') return;
    if (this.owner.turns.may(this.guest)) this.move(flow);
    else this.putOff(flow);
  }

  private putOff(flow: Flow): void {
    flow.planned = true;
    this.owner.turns.later(this.guest, {
      onTurn: () => {
        flow.planned = false;
        if (!flow.done && this.state === 'open') this.move(flow);
      },
    });
  }

  private move(flow: Flow): void {
    const progress = flow.move(this.guest.credit);
    this.guest.credit -= flow.work;
    if (!this.downstream.writable) this.awaitRoom();
    switch (progress) {
      case Progress.waits:
        return;
      case Progress.again:
        this.putOff(flow);
        return;
      case Progress.ended:
        this.passOnEnd(flow);
        return;
      default:
        this.fail(flow, progress);
    }
  }

  private awaitRoom(): void {
    const { downstream } = this;
    if (downstream.tellsRoom || downstream.registration === 0) return;
    downstream.tellsRoom = true;
    this.owner.reactor.modify(downstream.registration, downstream.fd, ALL_EVENTS);
  }

  private passOnEnd(flow: Flow): void {
    flow.done = true;
    if (this.toUpstream.done && this.toGuest.done) {
      this.end('closed');
      return;
    }
    shutdownWrite(flow === this.toUpstream ? this.upstream.fd : this.downstream.fd);
    this.idleCheck.begin(this.toUpstream.bytes + this.toGuest.bytes);
    const { lingering } = this.owner.timers;
    if (lingering.delayMs > 0) lingering.set(this, this.owner.reactor.now);
  }

  private fail(flow: Flow, progress: Progress): void {
    const guestFailed = (flow === this.toUpstream) === (progress === Progress.sourceFailed);
    if (progress === Progress.sinkFailed) {
      // What it said before it reset the connection still goes to the other side. The event of that may be yet to come.
      const [failed, lastWords] =
        flow === this.toUpstream ? [this.upstream, this.toGuest] : [this.downstream, this.toUpstream];
      failed.readable = true;
      if (!lastWords.done) lastWords.move(LAST_WORDS);
    }
    this.end(guestFailed ? 'guest-reset' : 'upstream-reset');
  }

  private end(outcome: Outcome): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    const { owner, downstream, upstream } = this;
    clearDeadline(this);
    owner.reactor.forget(downstream.registration);
    owner.reactor.forget(upstream.registration);
    this.toUpstream.release();
    this.toGuest.release();
    if (outcome === 'closed') {
      close(upstream.fd);
      close(downstream.fd);
    } else {
      closeWithReset(upstream.fd);
      closeWithReset(downstream.fd);
    }
    owner.finished(this, outcome);
  }
}
