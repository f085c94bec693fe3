import {
  type Arrival,
  CONNECTIONS_PER_MESSAGE,
  type Configure,
  type Listening,
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
import { accept, acceptedIp, acceptedPort, parseIpv4, seqpacketConnect, tcpListen } from '../linux/socket.ts';
import { SERVICE_ADDRESS } from '../model/names.ts';
import type { LineLog } from './line-log.ts';

/** Accepted and not acknowledged; beyond it guests wait in the kernel's queue. */
const UNACKNOWLEDGED_LIMIT = 512;
/** SYN and accept queue of a service port; the kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;
const ACCEPTS_PER_TURN = 64;
const EVERY_TRY_MS = 50;
/** Pause after the process ran out of descriptors or memory. */
const RESPITE_MS = 100;

export interface ListenerOptions {
  readonly bridge: string;
  /** The bridge's unix socket. */
  readonly socket: string;
  readonly log: LineLog;
}

/** A service port that is listened on. */
interface Port {
  readonly number: number;
  readonly fd: number;
  registration: Registration;
}

/**
 * The process inside a bridge's netns: accepts what guests dial and hands the sockets to the forwarder. It knows its ports
 * from the forwarder alone. While there is no forwarder it accepts nothing, so that guests wait in the kernel's queue, and
 * tries to reach one without any privilege.
 */
export class Listener implements EventTarget {
  private readonly options: ListenerOptions;
  private readonly reactor: Reactor;
  private readonly ports = new Map<number, Port>();
  private readonly descriptors: number[] = [];
  /** Accepted connections in order; the first `sent` of them wait for `Taken`. */
  private arrivals: Arrival[] = [];
  private sent = 0;
  private link: { readonly fd: number; readonly registration: Registration; writable: boolean } | undefined;
  private state: 'alone' | 'introduced' | 'serving' | 'pausing' = 'alone';
  private accepting = false;
  private nextTry = 0;
  private respiteUntil = 0;

  constructor(options: ListenerOptions) {
    this.options = options;
    this.reactor = new Reactor(() => undefined);
    this.reactor.onTick((now) => this.tick(now));
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
      if (this.state === 'serving') this.accept(this.arrivals.length < UNACKNOWLEDGED_LIMIT);
    }
    return this.link === undefined || this.respiteUntil > 0;
  }

  private connect(): void {
    this.nextTry = performance.now() + EVERY_TRY_MS;
    const fd = seqpacketConnect(this.options.socket);
    if (fd < 0) return;
    this.link = { fd, registration: this.reactor.add(fd, EPOLLIN, this), writable: true };
    const ports = [...this.ports.values()].slice(0, SOCKETS_PER_MESSAGE);
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

  private disconnect(reason: string): void {
    if (this.link === undefined) return;
    this.reactor.forget(this.link.registration);
    close(this.link.fd);
    this.link = undefined;
    this.state = 'alone';
    this.sent = 0;
    this.accept(false);
    this.options.log.info('forwarder went away, guests wait', { reason });
    this.connect();
  }

  private receive(): void {
    try {
      while (this.link !== undefined) {
        this.descriptors.length = 0;
        const n = receiveMessage(this.link.fd, this.descriptors);
        if (n === -Errno.EAGAIN || n === -Errno.EINTR) return;
        if (n <= 0) {
          this.disconnect(n === 0 ? 'closed' : errnoName(-n));
          return;
        }
        this.onMessage(n);
      }
    } catch (error) {
      this.options.log.error('message of the forwarder not understood', { reason: messageOf(error) });
      for (const fd of this.descriptors) close(fd);
      this.disconnect(messageOf(error));
    }
  }

  private onMessage(length: number): void {
    const type = readType(length);
    switch (type) {
      case MessageType.taken:
        this.onTaken(readCount());
        break;
      case MessageType.configure: {
        const fds = this.descriptors.splice(0);
        this.configure(parseConfigure(readJson(length)), fds);
        break;
      }
      case MessageType.pause:
        this.state = 'pausing';
        this.accept(false);
        this.handOver();
        break;
      case MessageType.ping:
        this.say(writeBare(MessageType.pong));
        break;
      case MessageType.exit:
        this.options.log.info('listener stops', {});
        this.reactor.stop();
        break;
      default:
        throw new TproxyError(`message of unknown type ${type}`);
    }
  }

  /** The forwarder has its own copies now. */
  private onTaken(count: number): void {
    const taken = this.arrivals.splice(0, Math.min(count, this.sent));
    this.sent -= taken.length;
    for (const { fd } of taken) close(fd);
    if (this.state === 'serving') this.accept(this.arrivals.length < UNACKNOWLEDGED_LIMIT);
    this.handOver();
  }

  private configure(wanted: Configure, fds: readonly number[]): void {
    const { log } = this.options;
    log.level = wanted.logLevel;
    const kept = new Map(wanted.sockets.map((port, i) => [port, fds[i] ?? -1]));
    for (const port of [...this.ports.values()])
      if (!wanted.ports.includes(port.number)) this.closePort(port);
    const opened: Port[] = [];
    const failures: { port: number; reason: string }[] = [];
    for (const number of wanted.ports) {
      const fd = kept.get(number);
      if (this.ports.has(number)) {
        if (fd !== undefined) close(fd);
        continue;
      }
      try {
        const port: Port = {
          number,
          fd: fd ?? tcpListen(parseIpv4(SERVICE_ADDRESS), number, BACKLOG, wanted.keepaliveS),
          registration: 0,
        };
        this.ports.set(number, port);
        if (fd === undefined) opened.push(port);
        log.info('service port open', { service_port: number });
      } catch (error) {
        failures.push({ port: number, reason: messageOf(error) });
        log.error('service port can not be opened', { service_port: number, reason: messageOf(error) });
      }
    }
    opened.length = Math.min(opened.length, SOCKETS_PER_MESSAGE);
    const body: Listening = {
      ports: [...this.ports.keys()],
      sockets: opened.map((port) => port.number),
      failures,
    };
    this.say(
      writeJson(MessageType.listening, body),
      opened.map((port) => port.fd),
    );
    this.state = 'serving';
    this.accepting = false;
    this.accept(true);
    this.handOver();
  }

  private closePort(port: Port): void {
    this.reactor.remove(port.registration, port.fd);
    close(port.fd);
    this.ports.delete(port.number);
    this.options.log.info('service port closed', { service_port: port.number });
  }

  /** Starts or stops accepting on all ports. */
  private accept(on: boolean): void {
    if (on === this.accepting) return;
    this.accepting = on;
    for (const port of this.ports.values()) {
      if (on && port.registration === 0) {
        port.registration = this.reactor.add(port.fd, EPOLLIN, { onEvents: () => this.acceptFrom(port) });
      } else if (!on && port.registration !== 0) {
        this.reactor.remove(port.registration, port.fd);
        port.registration = 0;
      }
    }
  }

  private acceptFrom(port: Port): void {
    for (let i = 0; i < ACCEPTS_PER_TURN; i++) {
      const fd = accept(port.fd);
      if (fd >= 0) {
        this.arrivals.push({
          fd,
          servicePort: port.number,
          guestIp: acceptedIp(),
          guestPort: acceptedPort(),
        });
        continue;
      }
      // Out of descriptors: those of the connections under way come back within moments. Anything else is that of one guest.
      if (fd === -Errno.EMFILE || fd === -Errno.ENFILE || fd === -Errno.ENOBUFS || fd === -Errno.ENOMEM) {
        this.options.log.warn('accept failed', { service_port: port.number, errno: errnoName(-fd) });
        this.accept(false);
        this.respiteUntil = performance.now() + RESPITE_MS;
      }
      break;
    }
    this.handOver();
    if (this.arrivals.length >= UNACKNOWLEDGED_LIMIT) this.accept(false);
  }

  private handOver(): void {
    while (
      this.link?.writable &&
      (this.state === 'serving' || this.state === 'pausing') &&
      this.sent < this.arrivals.length
    ) {
      const count = Math.min(CONNECTIONS_PER_MESSAGE, this.arrivals.length - this.sent);
      const batch = this.arrivals.slice(this.sent, this.sent + count);
      if (
        !this.say(
          writeConnections(batch, 0, count),
          batch.map(({ fd }) => fd),
        )
      )
        return;
      this.sent += count;
    }
    if (this.state === 'pausing' && this.sent === 0 && this.arrivals.length === 0)
      if (this.say(writeBare(MessageType.paused))) this.state = 'introduced';
  }

  private say(length: number, fds: readonly number[] = []): boolean {
    if (this.link === undefined) return false;
    const result = sendMessage(this.link.fd, length, fds);
    if (result >= 0) return true;
    if (result === -Errno.EAGAIN || result === -Errno.ETOOMANYREFS) {
      this.link.writable = false;
      this.reactor.modify(this.link.registration, this.link.fd, EPOLLIN | EPOLLOUT);
    } else {
      this.disconnect(errnoName(-result));
    }
    return false;
  }
}
