import { messageOf, TproxyError } from '../errors.ts';
import { close } from '../linux/descriptor.ts';
import { EPOLLHUP, EPOLLIN } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { errnoName } from '../linux/ffi.ts';
import { outgoing, receiveMessage, sendMessage } from '../linux/message.ts';
import { peerCredentials } from '../linux/socket.ts';
import type { Bridge } from './bridge.ts';
import {
  type Arrival,
  CONNECTIONS_PER_MESSAGE,
  type Configure,
  MessageType,
  parseHello,
  parseListening,
  readConnections,
  readJson,
  readType,
  writeBare,
  writeJson,
} from './handover.ts';
import type { FromWorker, LinkId } from './messages.ts';
import type { EventTarget, Reactor, Registration } from './reactor.ts';

/** Messages of one listener before others get a turn. */
const MESSAGES_PER_TURN = 8;
/** Connections that a link keeps while the data plane is full; with more it listens to nothing. */
const WAITING_LIMIT = 2 * CONNECTIONS_PER_MESSAGE;

/** What a link needs of the data plane. */
export interface LinkHost {
  readonly reactor: Reactor;
  /** It has no room for more relays. */
  readonly isFull: boolean;
  tell(message: FromWorker): void;
  arrived(bridge: Bridge, arrival: Arrival): void;
}

/**
 * The connection of a listener. What it says counts for its own bridge alone: the bridge is that of the socket it came in
 * on. Nothing is taken from it before the main thread has looked at who it is (`configure`). One that talks nonsense is
 * cut off.
 */
export class Link implements EventTarget {
  readonly id: LinkId;
  readonly bridge: Bridge;
  private readonly host: LinkHost;
  private readonly fd: number;
  private readonly registration: Registration;
  private state: 'new' | 'introduced' | 'trusted' | 'closed' = 'new';
  private readonly descriptors: number[] = [];
  /** Connections that came while the data plane was full. They are not acknowledged yet. */
  private waiting: Arrival[] = [];

  constructor(host: LinkHost, id: LinkId, bridge: Bridge, fd: number) {
    this.host = host;
    this.id = id;
    this.bridge = bridge;
    this.fd = fd;
    this.registration = host.reactor.add(fd, EPOLLIN, this);
    bridge.links.add(this);
  }

  onEvents(events: number): void {
    // A listener that went away is heard out: its end would be announced for ever otherwise.
    const wentAway = (events & EPOLLHUP) !== 0;
    try {
      for (let i = 0; i < MESSAGES_PER_TURN && this.state !== 'closed'; i++) {
        if (this.isDeaf && !wentAway) return;
        this.descriptors.length = 0;
        const n = receiveMessage(this.fd, this.descriptors);
        if (n === -Errno.EAGAIN || n === -Errno.EINTR) return;
        // It died with words of ours unread. What it said before is still there to be heard.
        if (n === -Errno.ECONNRESET) continue;
        if (n <= 0) {
          this.takeLegacy();
          this.close(n === 0 ? 'listener went away' : errnoName(-n));
          return;
        }
        this.onMessage(n);
      }
    } catch (error) {
      for (const fd of this.descriptors) close(fd);
      this.close(messageOf(error));
    }
  }

  /** Tells the listener its ports, with the sockets kept for it. */
  configure(body: Configure, fds: readonly number[]): void {
    if (this.state === 'closed') return;
    this.state = 'trusted';
    this.say(writeJson(MessageType.configure, body), fds);
  }

  pause(): void {
    this.say(writeBare(MessageType.pause));
  }

  exit(): void {
    this.say(writeBare(MessageType.exit));
  }

  ping(): void {
    // Its answer could not be heard: that it is silent is no fault of the listener then.
    if (this.isDeaf) this.host.tell({ type: 'pong', link: this.id, bridgeId: this.bridge.id });
    else this.say(writeBare(MessageType.ping));
  }

  /** Takes a batch of the connections that wait; false when none does. */
  resume(): boolean {
    if (this.waiting.length === 0) return false;
    const wasDeaf = this.isDeaf;
    this.take(this.waiting.splice(0, CONNECTIONS_PER_MESSAGE));
    if (wasDeaf && !this.isDeaf) this.hear(EPOLLIN);
    return true;
  }

  private get isDeaf(): boolean {
    return this.waiting.length >= WAITING_LIMIT;
  }

  private hear(events: number): void {
    if (this.state !== 'closed') this.host.reactor.modify(this.registration, this.fd, events);
  }

  close(reason: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.host.reactor.forget(this.registration);
    close(this.fd);
    // The listener has its own: they go to the next forwarder.
    for (const { fd } of this.waiting) close(fd);
    this.waiting = [];
    this.bridge.links.delete(this);
    this.host.tell({ type: 'gone', link: this.id, bridgeId: this.bridge.id, reason });
  }

  private onMessage(length: number): void {
    const type = readType(length);
    if (type === MessageType.hello && this.state === 'new') {
      const body = parseHello(readJson(length));
      this.expectDescriptors(body.ports.length);
      const { pid, uid } = peerCredentials(this.fd);
      this.state = 'introduced';
      this.host.tell({
        type: 'hello',
        link: this.id,
        bridgeId: this.bridge.id,
        pid,
        uid,
        body,
        fds: this.descriptors.splice(0),
      });
      return;
    }
    if (this.state !== 'trusted')
      throw new TproxyError(`message ${type} before the forwarder has accepted it`);
    if (type === MessageType.connections) this.onConnections(length);
    else if (type === MessageType.listening) {
      const body = parseListening(readJson(length));
      this.expectDescriptors(body.sockets.length);
      this.host.tell({
        type: 'listening',
        link: this.id,
        bridgeId: this.bridge.id,
        body,
        fds: this.descriptors.splice(0),
      });
    } else if (type === MessageType.paused || type === MessageType.pong) {
      this.expectDescriptors(0);
      const said = type === MessageType.paused ? 'paused' : 'pong';
      this.host.tell({ type: said, link: this.id, bridgeId: this.bridge.id });
    } else throw new TproxyError(`message of unknown type ${type}`);
  }

  private onConnections(length: number): void {
    const arrivals = readConnections(length, this.descriptors);
    this.descriptors.length = 0;
    if (!this.host.isFull) {
      this.take(arrivals);
      return;
    }
    this.waiting.push(...arrivals);
    if (this.isDeaf) this.hear(0);
  }

  private take(arrivals: readonly Arrival[]): void {
    // Acknowledged before it is touched: what a killed forwarder did not acknowledge can safely go to the next one.
    const said = this.trySay(writeBare(MessageType.taken, arrivals.length));
    if (said === 'said' || said === 'nobody') {
      // A listener closes its end only by dying. Then nobody else has these connections.
      for (const arrival of arrivals) this.host.arrived(this.bridge, arrival);
    } else {
      for (const { fd } of arrivals) close(fd);
    }
  }

  /** The connections that a dead listener has left here, room or not: nobody else has them. */
  private takeLegacy(): void {
    for (const arrival of this.waiting.splice(0)) this.host.arrived(this.bridge, arrival);
  }

  private expectDescriptors(count: number): void {
    if (this.descriptors.length !== count) {
      throw new TproxyError(`${count} sockets announced, ${this.descriptors.length} came`);
    }
  }

  private say(length: number, fds: readonly number[] = []): void {
    this.trySay(length, fds);
  }

  /** `nobody`: the listener is dead, and is heard out before the link ends. `refused`: it does not listen, that ends it. */
  private trySay(length: number, fds: readonly number[] = []): 'said' | 'nobody' | 'refused' {
    if (this.state === 'closed') return 'refused';
    const result = sendMessage(this.fd, length, fds);
    if (result >= 0) return 'said';
    if (result === -Errno.EPIPE || result === -Errno.ECONNRESET) return 'nobody';
    // A listener that does not read its own small messages is stuck or hostile.
    this.close(`${errnoName(-result)} while telling it ${outgoing.view.getUint8(0)}`);
    return 'refused';
  }
}
