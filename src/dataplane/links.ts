import { close } from '../linux/descriptor.ts';
import { EPOLLIN } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { accept } from '../linux/socket.ts';
import type { Bridge } from './bridge.ts';
import { Link, type LinkHost } from './link.ts';
import type { LinkId } from './messages.ts';

/** Pause after the process ran out of descriptors or memory. */
const RESPITE_MS = 100;

/** The connections of all listeners, and the unix sockets that they come in on. */
export class Links {
  private readonly host: LinkHost;
  private readonly links = new Map<LinkId, Link>();
  /** Bridges whose socket could not be accepted from, for want of descriptors or memory. */
  private readonly exhausted = new Set<Bridge>();
  private respiteUntil = 0;
  private last: LinkId = 0;

  constructor(host: LinkHost) {
    this.host = host;
  }

  get(id: LinkId): Link | undefined {
    return this.links.get(id);
  }

  forget(id: LinkId): void {
    this.links.delete(id);
  }

  /** Takes listeners on the bridge's listening socket `fd`, and owns it from now on. */
  open(bridge: Bridge, fd: number): void {
    const registration = this.host.reactor.add(fd, EPOLLIN, { onEvents: () => this.accept(bridge) });
    bridge.meeting = { fd, registration };
  }

  /** Closes the bridge's socket and its listeners' connections. */
  close(bridge: Bridge): void {
    this.exhausted.delete(bridge);
    if (bridge.meeting !== undefined) {
      this.host.reactor.forget(bridge.meeting.registration);
      close(bridge.meeting.fd);
      bridge.meeting = undefined;
    }
    for (const link of [...bridge.links]) link.close('bridge withdrawn');
  }

  /** True while a socket waits to be accepted from again. */
  tick(now: number): boolean {
    if (this.exhausted.size > 0 && now >= this.respiteUntil) {
      for (const { meeting } of this.exhausted) {
        if (meeting !== undefined) this.host.reactor.modify(meeting.registration, meeting.fd, EPOLLIN);
      }
      this.exhausted.clear();
    }
    return this.exhausted.size > 0;
  }

  private accept(bridge: Bridge): void {
    const { meeting } = bridge;
    if (meeting === undefined) return;
    for (;;) {
      const fd = accept(meeting.fd);
      if (fd === -Errno.EAGAIN) return;
      if (fd < 0) {
        // Announced again and again if it were still listened to.
        this.host.reactor.modify(meeting.registration, meeting.fd, 0);
        this.exhausted.add(bridge);
        this.respiteUntil = this.host.reactor.now + RESPITE_MS;
        return;
      }
      this.last += 1;
      try {
        this.links.set(this.last, new Link(this.host, this.last, bridge, fd));
      } catch {
        // The kernel watches no more descriptors. The listener tries again.
        close(fd);
      }
    }
  }
}
