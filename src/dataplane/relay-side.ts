import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP } from '../linux/epoll.ts';
import type { Socket } from './flow.ts';
import type { EventTarget, Registration } from './reactor.ts';

/** Everything that a socket can tell, edge-triggered. */
export const ALL_EVENTS = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
/** What a guest's socket is asked for until it was full once: that it has room it would tell at once, and for nothing. */
export const ALL_BUT_ROOM = ALL_EVENTS & ~EPOLLOUT;
const HANG_UP = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
const UNUSUAL = HANG_UP | EPOLLPRI;

/** Who hears of the events of a side. */
export interface SideOwner {
  onSideEvents(side: Side, events: number): void;
}

/** One socket of a relay, and what its events have said of it so far. */
export class Side implements EventTarget, Socket {
  readonly fd: number;
  readable = false;
  writable: boolean;
  readToEnd = false;
  finSeen = false;
  noDelay: boolean;
  /** It tells when there is room again. */
  tellsRoom: boolean;
  registration: Registration = 0;
  private readonly owner: SideOwner;

  /** A socket that was accepted can be written to, and has the options of the one that it was accepted on. */
  constructor(owner: SideOwner, fd: number, accepted: boolean) {
    this.owner = owner;
    this.fd = fd;
    this.writable = accepted;
    this.noDelay = accepted;
    this.tellsRoom = !accepted;
  }

  onEvents(events: number): void {
    if ((events & UNUSUAL) !== 0) {
      this.finSeen = !this.readToEnd && (events & UNUSUAL) === EPOLLRDHUP;
      this.readToEnd = true;
    }
    this.owner.onSideEvents(this, events);
  }

  /** Remembers what can be done with a connected socket by now. */
  note(events: number): void {
    if ((events & (EPOLLIN | EPOLLPRI | HANG_UP)) !== 0) this.readable = true;
    if ((events & (EPOLLOUT | HANG_UP)) !== 0) this.writable = true;
  }
}

/** The socket is of no use any more, in one direction at least. */
export function isBroken(events: number): boolean {
  return (events & (EPOLLERR | EPOLLHUP)) !== 0;
}
