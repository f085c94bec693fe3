import {
  type Arrival,
  type Configure,
  MessageType,
  parseConfigure,
  readCount,
  readJson,
  readType,
  SOCKETS_PER_MESSAGE,
  writeBare,
  writeConnections,
  writeJson,
} from '../dataplane/handover.ts';
import { type EventTarget, Reactor, type Registration } from '../dataplane/reactor.ts';
import { messageOf, TproxyError } from '../errors.ts';
import { close } from '../linux/descriptor.ts';
import { EPOLLIN, EPOLLOUT } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { errnoName } from '../linux/ffi.ts';
import { receiveMessage, sendMessage } from '../linux/message.ts';
import { seqpacketConnect } from '../linux/socket.ts';
import { ArrivalQueue } from './arrival-queue.ts';
import type { LineLog } from './line-log.ts';
import { type PortsHost, ServicePorts } from './service-ports.ts';

/** Pause after the process ran out of descriptors or memory; those of the connections under way come back within moments. */
const RESPITE_MS = 100;
const RETRY_MS = 50;

export interface ListenerOptions {
  readonly bridge: string;
  /** The bridge's unix socket. */
  readonly socket: string;
  readonly log: LineLog;
}

/**
 * The process inside a bridge's netns: accepts what guests dial and hands the sockets to the forwarder. It knows its ports
 * from the forwarder alone. While there is no forwarder it accepts nothing, so that guests wait in the kernel's queue, and
 * tries to reach one without any privilege.
 */
export class Listener implements EventTarget, PortsHost {
  readonly reactor: Reactor;
  readonly log: LineLog;
  private readonly options: ListenerOptions;
  private readonly ports: ServicePorts;
  private readonly arrivals = new ArrivalQueue();
  private readonly descriptors: number[] = [];
  private readonly owed: (() => boolean)[] = [];
  private link: { readonly fd: number; readonly registration: Registration; writable: boolean } | undefined;
  private state: 'alone' | 'introduced' | 'serving' | 'pausing' = 'alone';
  private nextTry = 0;
  private respiteUntil = 0;

  constructor(options: ListenerOptions) {
    this.options = options;
    this.log = options.log;
    this.reactor = new Reactor(() => undefined);
    this.reactor.onTick((now) => this.tick(now));
    this.ports = new ServicePorts(this);
  }

  /** Runs until the forwarder says `Exit`. */
  run(): void {
    this.connect();
    this.reactor.run();
  }

  onEvents(events: number): void {
    if (this.link === undefined) return;
    if ((events & EPOLLOUT) !== 0 && !this.link.writable) {
      this.link.writable = true;
      this.reactor.modify(this.link.registration, this.link.fd, EPOLLIN);
      this.handOver();
    }
    if ((events & ~EPOLLOUT) !== 0) this.receive();
  }

  private tick(now: number): boolean {
    if (this.link === undefined && now >= this.nextTry) this.connect();
    if (this.respiteUntil > 0 && now >= this.respiteUntil) {
      this.respiteUntil = 0;
      if (this.link !== undefined) this.link.writable = true;
      this.acceptIfRoom();
      this.handOver();
    }
    return this.link === undefined || this.respiteUntil > 0;
  }

  private connect(): void {
    this.nextTry = performance.now() + RETRY_MS;
    const fd = seqpacketConnect(this.options.socket);
    if (fd < 0) return;
    this.link = { fd, registration: this.reactor.add(fd, EPOLLIN, this), writable: true };
    const ports = this.ports.all.slice(0, SOCKETS_PER_MESSAGE);
    const length = writeJson(MessageType.hello, {
      bridge: this.options.bridge,
      ports: ports.map(({ number }) => number),
    });
    this.state = 'introduced';
    this.say(
      length,
      ports.map((port) => port.fd),
    );
  }

  /** The next connection is tried at the end of this turn (`tick`). */
  private disconnect(reason: string, who: 'forwarder' | 'we'): void {
    if (this.link === undefined) return;
    this.reactor.forget(this.link.registration);
    close(this.link.fd);
    this.link = undefined;
    this.state = 'alone';
    this.owed.length = 0;
    if (who === 'forwarder') this.arrivals.takeBack();
    else this.arrivals.letGo();
    this.ports.accept(false);
    this.log.info('no forwarder, guests wait', { reason });
  }

  private receive(): void {
    try {
      while (this.link !== undefined) {
        this.descriptors.length = 0;
        const n = receiveMessage(this.link.fd, this.descriptors);
        if (n === -Errno.EAGAIN || n === -Errno.EINTR) return;
        if (n <= 0) {
          this.disconnect(n === 0 ? 'closed' : errnoName(-n), 'forwarder');
          return;
        }
        this.onMessage(n);
      }
    } catch (error) {
      this.log.error('message of the forwarder not understood', { reason: messageOf(error) });
      for (const fd of this.descriptors) close(fd);
      this.disconnect(messageOf(error), 'we');
    }
  }

  private onMessage(length: number): void {
    const type = readType(length);
    switch (type) {
      case MessageType.taken:
        this.onTaken(readCount());
        break;
      case MessageType.configure: {
        const wanted = parseConfigure(readJson(length));
        if (wanted.sockets.length !== this.descriptors.length) {
          throw new TproxyError(
            `${wanted.sockets.length} sockets announced, ${this.descriptors.length} came`,
          );
        }
        this.configure(wanted, this.descriptors.splice(0));
        break;
      }
      case MessageType.pause:
        this.state = 'pausing';
        this.ports.accept(false);
        this.handOver();
        break;
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

  arrived(arrivals: readonly Arrival[]): void {
    for (const arrival of arrivals) this.arrivals.add(arrival);
    this.handOver();
    if (this.arrivals.isFull) this.ports.accept(false);
  }

  exhausted(errno: number): void {
    this.log.warn('accept failed', { errno: errnoName(errno) });
    this.ports.accept(false);
    this.respiteUntil = performance.now() + RESPITE_MS;
  }

  private onTaken(count: number): void {
    this.arrivals.acknowledge(count);
    this.acceptIfRoom();
    this.handOver();
  }

  private acceptIfRoom(): void {
    if (this.state === 'serving' && this.respiteUntil === 0 && !this.arrivals.isFull) this.ports.accept(true);
  }

  private configure(wanted: Configure, fds: readonly number[]): void {
    this.log.level = wanted.logLevel;
    const { opened, failures } = this.ports.become(wanted, fds);
    const shown = opened.slice(0, SOCKETS_PER_MESSAGE);
    const ports = this.ports.all.map(({ number }) => number);
    const sockets = shown.map(({ number }) => number);
    const newSockets = shown.map(({ fd }) => fd);
    this.tell(() => this.say(writeJson(MessageType.listening, { ports, sockets, failures }), newSockets));
    this.state = 'serving';
    this.acceptIfRoom();
    this.handOver();
  }

  /** Says something that must not get lost: at the next chance if the queue is full now. */
  private tell(words: () => boolean): void {
    if (this.owed.length === 0 && words()) return;
    if (this.link !== undefined) this.owed.push(words);
  }

  private handOver(): void {
    while (this.link?.writable && this.owed[0]?.()) this.owed.shift();
    while (this.link?.writable && (this.state === 'serving' || this.state === 'pausing')) {
      const batch = this.arrivals.unsent();
      if (batch.length === 0) break;
      const fds = batch.map(({ fd }) => fd);
      if (!this.say(writeConnections(batch, 0, batch.length), fds)) return;
      this.arrivals.markSent(batch.length);
    }
    if (this.state === 'pausing' && this.arrivals.isEmpty && this.say(writeBare(MessageType.paused))) {
      this.state = 'introduced';
    }
  }

  private say(length: number, fds: readonly number[] = []): boolean {
    if (this.link === undefined) return false;
    const result = sendMessage(this.link.fd, length, fds);
    if (result >= 0) return true;
    if (result === -Errno.ETOOMANYREFS) {
      // Too many descriptors of this user are under way, of all bridges: nothing announces when that is over.
      this.link.writable = false;
      this.respiteUntil = performance.now() + RESPITE_MS;
    } else if (result === -Errno.EAGAIN) {
      this.link.writable = false;
      this.reactor.modify(this.link.registration, this.link.fd, EPOLLIN | EPOLLOUT);
    } else if (result === -Errno.EPIPE || result === -Errno.ECONNRESET) {
      // It died. Reading finds its end, and before that what it has taken: that must not be handed over again.
      this.link.writable = false;
    } else {
      this.disconnect(errnoName(-result), 'we');
    }
    return false;
  }
}
