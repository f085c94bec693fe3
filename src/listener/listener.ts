import { RESPITE_MS } from '../dataplane/exhaustion.ts';
import {
  type Configure,
  FAILURES_AT_MOST,
  inPieces,
  MessageType,
  type PortSocket,
  parseConfigure,
  portSockets,
  readJson,
  readType,
  writeBare,
  writeJson,
} from '../dataplane/listeners/handover.ts';
import { type EventTarget, Reactor, type Registration } from '../dataplane/reactor.ts';
import { messageOf, TproxyError } from '../errors.ts';
import { close } from '../linux/descriptor.ts';
import { receiveMessage, sendMessage } from '../linux/descriptor-passing.ts';
import { EPOLLIN, EPOLLOUT } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { errnoName } from '../linux/ffi.ts';
import { seqpacketConnect } from '../linux/unix-socket.ts';
import type { LineLog } from './line-log.ts';
import { ServicePorts } from './service-ports.ts';

const RETRY_MS = 50;

export interface ListenerOptions {
  readonly bridge: string;
  /** The bridge's unix socket. */
  readonly socket: string;
  readonly log: LineLog;
}

/**
 * The process inside a bridge's netns: makes the listening sockets of the services there, and lets the forwarder accept on
 * copies of them. It knows its ports from the forwarder alone. It keeps the sockets whatever becomes of the forwarder, so
 * that guests wait in the kernel's queues while there is none, and looks for the next one without any privilege.
 */
export class Listener implements EventTarget {
  private readonly reactor = new Reactor(() => undefined);
  private readonly options: ListenerOptions;
  private readonly log: LineLog;
  private readonly ports: ServicePorts;
  private readonly descriptors: number[] = [];
  /** Sockets kept for us, until all of them have come. */
  private kept: PortSocket[] = [];
  /** Ports whose sockets the forwarder is known to have. */
  private readonly shared = new Set<number>();
  /** What could not be said yet. */
  private readonly owed: (() => boolean)[] = [];
  private session:
    | { readonly fd: number; readonly registration: Registration; writable: boolean }
    | undefined;
  private nextTry = 0;
  private respiteUntil = 0;

  constructor(options: ListenerOptions) {
    this.options = options;
    this.log = options.log;
    this.reactor.onTick((now) => this.tick(now));
    this.ports = new ServicePorts(options.log);
  }

  /** Runs until the forwarder says `Exit`. */
  run(): void {
    this.connect();
    this.reactor.run();
  }

  onEvents(events: number): void {
    if (this.session === undefined) return;
    if ((events & EPOLLOUT) !== 0 && !this.session.writable) {
      this.reactor.modify(this.session.registration, this.session.fd, EPOLLIN);
      this.sayOwed();
    }
    if ((events & ~EPOLLOUT) !== 0) this.receive();
  }

  private tick(now: number): boolean {
    if (this.session === undefined && now >= this.nextTry) this.connect();
    if (this.respiteUntil > 0 && now >= this.respiteUntil) {
      this.respiteUntil = 0;
      this.sayOwed();
    }
    return this.session === undefined || this.respiteUntil > 0;
  }

  private connect(): void {
    this.nextTry = performance.now() + RETRY_MS;
    const fd = seqpacketConnect(this.options.socket);
    if (fd < 0) return;
    this.session = { fd, registration: this.reactor.add(fd, EPOLLIN, this), writable: true };
    const { bridge } = this.options;
    this.tell(() => this.say(writeJson(MessageType.hello, { bridge })));
  }

  /** The next connection is tried at the end of this turn (`tick`). */
  private disconnect(reason: string): void {
    if (this.session === undefined) return;
    this.reactor.forget(this.session.registration);
    close(this.session.fd);
    this.session = undefined;
    this.owed.length = 0;
    this.shared.clear();
    for (const { fd } of this.kept.splice(0)) close(fd);
    this.log.info('no forwarder, guests wait', { reason });
  }

  private receive(): void {
    try {
      while (this.session !== undefined) {
        this.descriptors.length = 0;
        const n = receiveMessage(this.session.fd, this.descriptors);
        if (n === -Errno.EAGAIN || n === -Errno.EINTR) return;
        if (n <= 0) {
          this.disconnect(n === 0 ? 'closed' : errnoName(-n));
          return;
        }
        this.onMessage(n);
      }
    } catch (error) {
      this.log.error('cannot read a message from the forwarder', { reason: messageOf(error) });
      for (const fd of this.descriptors) close(fd);
      this.disconnect(messageOf(error));
    }
  }

  private onMessage(length: number): void {
    const type = readType(length);
    switch (type) {
      case MessageType.configure: {
        const wanted = parseConfigure(readJson(length));
        this.kept.push(...portSockets(wanted.sockets, this.descriptors));
        this.descriptors.length = 0;
        if (!wanted.more) this.configure(wanted, this.kept.splice(0));
        break;
      }
      case MessageType.ping:
        this.tell(() => this.say(writeBare(MessageType.pong)));
        break;
      case MessageType.exit:
        this.log.info('listener stops', {});
        this.reactor.stop();
        break;
      default:
        throw new TproxyError(`message of unknown type ${type}`);
    }
  }

  private configure(wanted: Configure, kept: readonly PortSocket[]): void {
    this.log.level = wanted.logLevel;
    if (this.owed.length > 0) {
      // It asks again before it could hear our answer, which names sockets of before: we begin anew.
      for (const { fd } of kept) close(fd);
      this.disconnect('asked again before it was answered');
      return;
    }
    for (const { port } of kept) this.shared.add(port);
    const failures = this.ports.become(wanted, kept);
    const { all } = this.ports;
    const ports = all.map(({ port }) => port);
    for (const port of this.shared) if (!ports.includes(port)) this.shared.delete(port);
    const pieces = inPieces(all.filter(({ port }) => !this.shared.has(port)));
    for (const port of ports) this.shared.add(port);
    pieces.forEach((piece, i) => {
      const sockets = piece.map(({ port }) => port);
      const more = i < pieces.length - 1;
      const body = more
        ? { ports: [], sockets, more, failures: [] }
        : { ports, sockets, more, failures: failures.slice(0, FAILURES_AT_MOST) };
      const fds = piece.map(({ fd }) => fd);
      this.tell(() => this.say(writeJson(MessageType.listening, body), fds));
    });
  }

  /** Says something that must not get lost: at the next chance if the queue is full now. */
  private tell(words: () => boolean): void {
    if (this.owed.length === 0 && words()) return;
    if (this.session !== undefined) this.owed.push(words);
  }

  private sayOwed(): void {
    if (this.session !== undefined) this.session.writable = true;
    while (this.session?.writable && this.owed[0]?.()) this.owed.shift();
  }

  private say(length: number, fds: readonly number[] = []): boolean {
    if (this.session === undefined || !this.session.writable) return false;
    const result = sendMessage(this.session.fd, length, fds);
    if (result >= 0) return true;
    this.session.writable = false;
    if (result === -Errno.ETOOMANYREFS) {
      // Of all bridges: nothing announces when that is over.
      this.respiteUntil = performance.now() + RESPITE_MS;
    } else if (result === -Errno.EAGAIN) {
      this.reactor.modify(this.session.registration, this.session.fd, EPOLLIN | EPOLLOUT);
    } else if (result !== -Errno.EPIPE && result !== -Errno.ECONNRESET) {
      // Of one that has died reading finds the end.
      this.disconnect(errnoName(-result));
    }
    return false;
  }
}
