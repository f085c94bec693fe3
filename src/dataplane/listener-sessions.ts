import { close } from '../linux/descriptor.ts';
import { EPOLLIN } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { accept } from '../linux/tcp-socket.ts';
import type { Bridge } from './bridge.ts';
import { RESPITE_MS } from './exhaustion.ts';
import { ListenerSession, type SessionOwner } from './listener-session.ts';
import type { SessionId } from './messages.ts';

/**
 * Connections to a bridge's socket at once; it has one listener, and for a moment its successor. When there are more, the one
 * that has been silent longest is hung up on: a listener says at once who it is.
 */
const SESSIONS_AT_MOST = 16;
/** Connections taken of one bridge before others get a turn. */
const ACCEPTED_PER_TURN = 16;

/** The connections of all listeners, and the unix sockets that they come in on. */
export class ListenerSessions {
  private readonly owner: SessionOwner;
  private readonly sessions = new Map<SessionId, ListenerSession>();
  /** Bridges whose socket could not be accepted from, for want of descriptors or memory. */
  private readonly exhausted = new Set<Bridge>();
  private respiteUntil = 0;
  private last: SessionId = 0;

  constructor(owner: SessionOwner) {
    this.owner = owner;
  }

  get(id: SessionId): ListenerSession | undefined {
    return this.sessions.get(id);
  }

  forget(id: SessionId): void {
    this.sessions.delete(id);
  }

  /** Takes listeners on the bridge's listening socket `fd`, which it owns from now on, in place of an earlier one. */
  open(bridge: Bridge, fd: number): void {
    this.closeMeeting(bridge);
    bridge.meeting = { fd, registration: 0 };
    this.listen(bridge);
  }

  /** Closes the bridge's socket and its listeners' connections. */
  close(bridge: Bridge): void {
    this.closeMeeting(bridge);
    for (const session of [...bridge.sessions]) session.close('bridge withdrawn');
  }

  private closeMeeting(bridge: Bridge): void {
    this.exhausted.delete(bridge);
    if (bridge.meeting === undefined) return;
    this.owner.reactor.forget(bridge.meeting.registration);
    close(bridge.meeting.fd);
    bridge.meeting = undefined;
  }

  /** True while a socket waits to be accepted from again. */
  tick(now: number): boolean {
    if (this.exhausted.size > 0 && now >= this.respiteUntil) {
      const waiting = [...this.exhausted];
      this.exhausted.clear();
      for (const bridge of waiting) this.listen(bridge);
    }
    return this.exhausted.size > 0;
  }

  private listen(bridge: Bridge): void {
    const { meeting } = bridge;
    if (meeting === undefined) return;
    const { reactor } = this.owner;
    if (meeting.registration !== 0) {
      reactor.modify(meeting.registration, meeting.fd, EPOLLIN);
      return;
    }
    try {
      meeting.registration = reactor.add(meeting.fd, EPOLLIN, { onEvents: () => this.accept(bridge) });
    } catch {
      // The kernel watches no more descriptors: those of relays will be fewer again.
      this.rest(bridge);
    }
  }

  private rest(bridge: Bridge): void {
    this.exhausted.add(bridge);
    this.respiteUntil = this.owner.reactor.now + RESPITE_MS;
  }

  private accept(bridge: Bridge): void {
    const { meeting } = bridge;
    if (meeting === undefined) return;
    for (let i = 0; i < ACCEPTED_PER_TURN; i++) {
      const fd = accept(meeting.fd);
      if (fd === -Errno.EAGAIN) return;
      if (fd < 0) {
        // Announced again and again if it were still listened to.
        this.owner.reactor.modify(meeting.registration, meeting.fd, 0);
        this.rest(bridge);
        return;
      }
      if (bridge.sessions.size >= SESSIONS_AT_MOST && !hangUpOnSilent(bridge)) {
        close(fd);
        continue;
      }
      this.last += 1;
      try {
        this.sessions.set(this.last, new ListenerSession(this.owner, this.last, bridge, fd));
      } catch {
        // The kernel watches no more descriptors. The listener tries again.
        close(fd);
      }
    }
  }
}

/** Makes room for another connection; false when everybody has said hello. */
function hangUpOnSilent(bridge: Bridge): boolean {
  for (const session of bridge.sessions) {
    if (!session.isSilent) continue;
    session.close('silent, and others want to speak');
    return true;
  }
  return false;
}
