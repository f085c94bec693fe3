import { close } from '../linux/descriptor.ts';
import { EPOLLIN } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { accept, type Origin } from '../linux/tcp-socket.ts';
import { isExhaustion } from './exhaustion.ts';
import type { PortSocket } from './handover.ts';
import type { Reactor, Registration } from './reactor.ts';

/** Connections that one socket gives in a turn: while guests share the thread, and otherwise. */
const BURST_SHARED = 2;
const BURST_ALONE = 64;

/** What the sockets need of the data plane. */
export interface ServiceSocketsOwner<B> {
  readonly reactor: Reactor;
  /** Guests wait for each other: turns are to be short. */
  readonly isShared: boolean;
  /** False while connections of the bridge have to wait in the kernel's queues. */
  mayAccept(bridge: B): boolean;
  /** A connection; the descriptor belongs to the owner. */
  arrived(bridge: B, fd: number, servicePort: number, guestIp: number, guestPort: number): void;
  /** The process is out of descriptors or memory. */
  exhausted(): void;
  /** The sockets of the bridge are not listened to until `resume`. */
  paused(bridge: B): void;
}

/** Whose sockets they are: a bridge, with the connections of its listeners. */
interface SocketsOf {
  readonly sessions: Iterable<{ close(reason: string): void }>;
}

interface Entry extends PortSocket {
  registration: Registration;
  /** Connections to take at the next event: a second accept for a queue with one connection would find nothing. */
  burst: number;
}

/**
 * The listening sockets of a bridge. They were made in its netns by its listener, which keeps copies: should either process
 * die, the kernel's queues live on, with the guests that wait in them.
 *
 * The data plane accepts on them itself, so that a connection costs one system call and is never between two processes.
 */
export class ServiceSockets<B extends SocketsOf> {
  private readonly owner: ServiceSocketsOwner<B>;
  private readonly bridge: B;
  private readonly entries = new Map<number, Entry>();
  private isPaused = false;
  /** Of the connection that is being taken: one object for all of them. */
  private readonly origin: Origin = { ip: 0, port: 0 };

  constructor(owner: ServiceSocketsOwner<B>, bridge: B) {
    this.owner = owner;
    this.bridge = bridge;
  }

  get all(): readonly PortSocket[] {
    return [...this.entries.values()];
  }

  get size(): number {
    return this.entries.size;
  }

  /** Accepts on this socket, which it owns from now on, in place of the one it has for the port. */
  adopt({ port, fd }: PortSocket): void {
    this.drop(port);
    const entry: Entry = { port, fd, registration: 0, burst: 1 };
    try {
      entry.registration = this.owner.reactor.add(fd, this.isPaused ? 0 : EPOLLIN, {
        onEvents: () => this.acceptFrom(entry),
      });
    } catch (error) {
      close(fd);
      throw error;
    }
    this.entries.set(port, entry);
  }

  /** Closes the sockets of all ports but these. */
  keepOnly(ports: ReadonlySet<number>): void {
    for (const port of [...this.entries.keys()]) if (!ports.has(port)) this.drop(port);
  }

  /** Listens to the sockets again after a pause. */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    for (const { fd, registration } of this.entries.values())
      this.owner.reactor.modify(registration, fd, EPOLLIN);
  }

  private pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    for (const { fd, registration } of this.entries.values()) this.owner.reactor.modify(registration, fd, 0);
    this.owner.paused(this.bridge);
  }

  private acceptFrom(entry: Entry): void {
    const { owner, bridge, origin } = this;
    const most = Math.min(entry.burst, owner.isShared ? BURST_SHARED : BURST_ALONE);
    for (let count = 0; count < most; count++) {
      if (!owner.mayAccept(bridge)) {
        this.pause();
        return;
      }
      const fd = accept(entry.fd, origin);
      if (fd < 0) {
        entry.burst = Math.max(1, count);
        if (isExhaustion(-fd)) {
          owner.exhausted();
          this.pause();
        } else if (fd === -Errno.EINVAL) {
          this.abandon(entry);
        }
        // Anything else is the trouble of one guest, who went away meanwhile.
        return;
      }
      owner.arrived(bridge, fd, entry.port, origin.ip, origin.port);
    }
    entry.burst = Math.min(entry.burst * 2, BURST_ALONE);
  }

  /** Somebody who has a copy of the socket has ended its listening: it would announce that for ever. */
  private abandon({ port }: Entry): void {
    this.drop(port);
    for (const session of [...this.bridge.sessions])
      session.close(`its socket for service port ${port} listens no more`);
  }

  private drop(port: number): void {
    const entry = this.entries.get(port);
    if (entry === undefined) return;
    this.entries.delete(port);
    // Its listener has a copy: closing alone would not end the events.
    this.owner.reactor.remove(entry.registration, entry.fd);
    close(entry.fd);
  }
}
