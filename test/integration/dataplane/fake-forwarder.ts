import { rmSync } from 'node:fs';
import {
  type Configure,
  type Hello,
  type Listening,
  MessageType,
  parseHello,
  parseListening,
  readJson,
  readType,
  writeBare,
  writeJson,
} from '../../../src/dataplane/handover.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { receiveMessage, sendMessage } from '../../../src/linux/descriptor-passing.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { type Credentials, peerCredentials, seqpacketListen } from '../../../src/linux/unix-socket.ts';
import { acceptNow } from '../../unit/linux/endpoints.ts';
import { until } from '../linux/waiting.ts';

/** What a listener said. */
export type Said =
  | { readonly type: 'hello'; readonly body: Hello; readonly fds: readonly number[] }
  | { readonly type: 'listening'; readonly body: Listening; readonly fds: readonly number[] }
  | { readonly type: 'pong' }
  | { readonly type: 'end' };

type SaidOf<T extends Said['type']> = Extract<Said, { readonly type: T }>;

/** The forwarder's end of a bridge's socket, in the hands of a test. */
export class FakeForwarder {
  readonly path: string;
  private readonly listening: number;
  private readonly sessions: number[] = [];
  private readonly fds = new Set<number>();

  constructor(path: string) {
    this.path = path;
    rmSync(path, { force: true });
    this.listening = seqpacketListen(path, 16);
  }

  /** The next listener that connects. */
  async session(): Promise<ForwarderSession> {
    const fd = await until('a listener', () => acceptNow(this.listening));
    this.sessions.push(fd);
    return new ForwarderSession(fd, this.fds);
  }

  /** Like a forwarder that was killed: everything it held is closed. */
  die(): void {
    close(this.listening);
    for (const fd of [...this.sessions.splice(0), ...this.fds]) close(fd);
    this.fds.clear();
    rmSync(this.path, { force: true });
  }
}

export class ForwarderSession {
  private readonly fd: number;
  private readonly fds: Set<number>;

  constructor(fd: number, fds: Set<number>) {
    this.fd = fd;
    this.fds = fds;
  }

  get peer(): Credentials {
    return peerCredentials(this.fd);
  }

  /** The next message, or undefined when there is none. */
  hearNow(): Said | undefined {
    const fds: number[] = [];
    const n = receiveMessage(this.fd, fds);
    if (n === -Errno.EAGAIN) return undefined;
    if (n <= 0) return { type: 'end' };
    for (const fd of fds) this.fds.add(fd);
    const type = readType(n);
    switch (type) {
      case MessageType.hello:
        return { type: 'hello', body: parseHello(readJson(n)), fds };
      case MessageType.listening:
        return { type: 'listening', body: parseListening(readJson(n)), fds };
      case MessageType.pong:
        return { type: 'pong' };
      default:
        throw new Error(`a listener says ${type}`);
    }
  }

  /** The next message, which has to be of this type. */
  async hear<T extends Said['type']>(type: T): Promise<SaidOf<T>> {
    const said = await until(`'${type}'`, () => this.hearNow());
    if (said.type !== type) throw new Error(`the listener said '${said.type}' instead of '${type}'`);
    return said as SaidOf<T>;
  }

  /** Nothing comes for `ms` milliseconds. */
  async silence(ms: number): Promise<void> {
    const end = performance.now() + ms;
    const said = await until(
      'the silence',
      () => this.hearNow() ?? (performance.now() > end ? 'nothing' : undefined),
    );
    if (said !== 'nothing') throw new Error(`the listener said '${said.type}'`);
  }

  say(length: number, fds: readonly number[] = []): void {
    const result = sendMessage(this.fd, length, fds);
    if (result < 0) throw new Error(`nothing can be said to the listener: errno ${-result}`);
  }

  /** Pings so many times and hears no answer. */
  async pings(count: number): Promise<void> {
    for (let said = 0; said < count; said++) {
      await until(
        'room for a ping',
        () => sendMessage(this.fd, writeBare(MessageType.ping)) === 0 || undefined,
      );
    }
  }

  /** Tells the listener its ports; resolves with its answer. */
  async configure(
    ports: readonly number[],
    sockets: ReadonlyMap<number, number> = new Map(),
    more: Partial<Configure> = {},
  ): Promise<SaidOf<'listening'>> {
    const body = { ports, sockets: [...sockets.keys()], more: false, logLevel: 2, ...more };
    this.say(writeJson(MessageType.configure, body), [...sockets.values()]);
    return this.hear('listening');
  }

  /** Tells the listener its ports; resolves with all it has, over as many messages as that takes. */
  async configureAll(ports: readonly number[]): Promise<{ ports: readonly number[]; fds: number[] }> {
    let said = await this.configure(ports);
    const fds = [...said.fds];
    while (said.body.more) {
      said = await this.hear('listening');
      fds.push(...said.fds);
    }
    return { ports: said.body.ports, fds };
  }

  /** This end only; what came over it stays open. */
  hangUp(): void {
    close(this.fd);
  }

  /** Closes something that came over it. */
  drop(...fds: readonly number[]): void {
    for (const fd of fds) if (this.fds.delete(fd)) close(fd);
  }

  /** It is kept when the forwarder dies. */
  keep(fd: number): number {
    this.fds.delete(fd);
    return fd;
  }
}
