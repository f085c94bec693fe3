import { messageOf, TproxyError } from '../errors.ts';
import { close } from '../linux/descriptor.ts';
import { outgoing, receiveMessage, sendMessage } from '../linux/descriptor-passing.ts';
import { EPOLLIN } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { errnoName } from '../linux/ffi.ts';
import { peerCredentials } from '../linux/unix-socket.ts';
import type { Bridge, BridgeSession } from './bridge.ts';
import {
  type Configure,
  inPieces,
  MessageType,
  parseHello,
  parseListening,
  portSockets,
  readJson,
  readType,
  writeBare,
  writeJson,
} from './handover.ts';
import type { FromDataPlane, SessionId } from './messages.ts';
import type { EventTarget, Reactor, Registration } from './reactor.ts';

/** Messages of one listener before others get a turn. */
const MESSAGES_PER_TURN = 8;

/** What a session needs of the data plane. */
export interface SessionOwner {
  readonly reactor: Reactor;
  tell(message: FromDataPlane): void;
  /** What this lacks that should be a socket listening on a service port in the netns with this inode. */
  socketFault(fd: number, port: number, netns: number): string | undefined;
}

/** What the main thread wants of a listener. */
export type Wanted = Pick<Configure, 'ports' | 'logLevel'>;

/**
 * The connection of a listener. What it says counts for its own bridge alone: the bridge is that of the socket it came in
 * on. Nothing is taken from it before the main thread has looked at who it is (`configure`). One that talks nonsense is
 * cut off.
 */
export class ListenerSession implements EventTarget, BridgeSession {
  readonly id: SessionId;
  readonly bridge: Bridge;
  private readonly owner: SessionOwner;
  private readonly fd: number;
  private readonly registration: Registration;
  private state: 'new' | 'introduced' | 'trusted' | 'closed' = 'new';
  private readonly descriptors: number[] = [];
  /** Inode of the netns that the listener lives in, and its sockets. */
  private netns = 0;
  /** Ports that it was ever told; it may bring no socket for another one. */
  private readonly asked = new Set<number>();
  /** Ports whose sockets the listener is known to have. */
  private readonly shared = new Set<number>();

  constructor(owner: SessionOwner, id: SessionId, bridge: Bridge, fd: number) {
    this.owner = owner;
    this.id = id;
    this.bridge = bridge;
    this.fd = fd;
    this.registration = owner.reactor.add(fd, EPOLLIN, this);
    bridge.sessions.add(this);
  }

  get isSilent(): boolean {
    return this.state === 'new';
  }

  onEvents(): void {
    try {
      for (let i = 0; i < MESSAGES_PER_TURN && this.state !== 'closed'; i++) {
        this.descriptors.length = 0;
        const n = receiveMessage(this.fd, this.descriptors);
        if (n === -Errno.EAGAIN || n === -Errno.EINTR) return;
        // It died with words of ours unread. What it said before is still there to be heard.
        if (n === -Errno.ECONNRESET) continue;
        if (n <= 0) {
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

  /** Tells the listener, which lives in `netns`, its ports, with the sockets kept for it. */
  configure(wanted: Wanted, netns: number): void {
    if (this.state === 'closed') return;
    this.state = 'trusted';
    this.netns = netns;
    const ports = new Set(wanted.ports);
    for (const port of ports) this.asked.add(port);
    const kept = this.bridge.sockets.all.filter(({ port }) => ports.has(port) && !this.shared.has(port));
    for (const { port } of kept) this.shared.add(port);
    const pieces = inPieces(kept);
    for (const [i, piece] of pieces.entries()) {
      const sockets = piece.map(({ port }) => port);
      const more = i < pieces.length - 1;
      const body = { ...wanted, ports: more ? [] : wanted.ports, sockets, more };
      this.say(
        writeJson(MessageType.configure, body),
        piece.map(({ fd }) => fd),
      );
    }
  }

  exit(): void {
    this.say(writeBare(MessageType.exit));
  }

  ping(): void {
    this.say(writeBare(MessageType.ping));
  }

  close(reason: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.owner.reactor.forget(this.registration);
    close(this.fd);
    this.bridge.sessions.delete(this);
    this.owner.tell({ type: 'gone', session: this.id, bridgeId: this.bridge.id, reason });
  }

  private onMessage(length: number): void {
    const type = readType(length);
    if (type === MessageType.hello && this.state === 'new') this.onHello(length);
    else if (this.state !== 'trusted') {
      throw new TproxyError(`message ${type} before the forwarder has accepted it`);
    } else if (type === MessageType.listening) this.onListening(length);
    else if (type === MessageType.pong) {
      portSockets([], this.descriptors);
      this.owner.tell({ type: 'pong', session: this.id, bridgeId: this.bridge.id });
    } else throw new TproxyError(`message of unknown type ${type}`);
  }

  private onHello(length: number): void {
    portSockets([], this.descriptors);
    const body = parseHello(readJson(length));
    const { pid } = peerCredentials(this.fd);
    this.state = 'introduced';
    this.owner.tell({ type: 'hello', session: this.id, bridgeId: this.bridge.id, pid, body });
  }

  private onListening(length: number): void {
    const { ports, sockets, more, failures } = parseListening(readJson(length));
    const { bridge } = this;
    for (const socket of portSockets(sockets, this.descriptors)) {
      const fault = this.asked.has(socket.port)
        ? this.owner.socketFault(socket.fd, socket.port, this.netns)
        : 'was not asked for';
      if (fault !== undefined) throw new TproxyError(`the socket for service port ${socket.port} ${fault}`);
      this.descriptors.shift();
      this.shared.add(socket.port);
      bridge.sockets.adopt(socket);
    }
    if (more) return;
    const open = new Set(ports);
    bridge.sockets.keepOnly(open);
    if (bridge.sockets.size < open.size) throw new TproxyError('ports announced without their sockets');
    for (const port of this.shared) if (!open.has(port)) this.shared.delete(port);
    this.owner.tell({ type: 'listening', session: this.id, bridgeId: bridge.id, body: { ports, failures } });
  }

  private say(length: number, fds: readonly number[] = []): void {
    if (this.state === 'closed') return;
    const result = sendMessage(this.fd, length, fds);
    // One that is dead is heard out before the session ends.
    if (result >= 0 || result === -Errno.EPIPE || result === -Errno.ECONNRESET) return;
    // A listener that does not read its own small messages is stuck or hostile.
    this.close(`${errnoName(-result)} while telling it ${outgoing.view.getUint8(0)}`);
  }
}
