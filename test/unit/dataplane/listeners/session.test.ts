import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Bridge } from '../../../../src/dataplane/bridge.ts';
import {
  MessageType,
  readJson,
  readType,
  writeBare,
  writeJson,
} from '../../../../src/dataplane/listeners/handover.ts';
import type { ServiceSocketsOwner } from '../../../../src/dataplane/listeners/service-sockets.ts';
import { ListenerSession, type SessionOwner } from '../../../../src/dataplane/listeners/session.ts';
import type { FromDataPlane } from '../../../../src/dataplane/messages.ts';
import { Reactor } from '../../../../src/dataplane/reactor.ts';
import { close } from '../../../../src/linux/descriptor.ts';
import { outgoing, receiveMessage, sendMessage } from '../../../../src/linux/descriptor-passing.ts';
import { Errno } from '../../../../src/linux/errno.ts';
import {
  dial,
  duplicate,
  type Listening,
  listenLocal,
  openDescriptors,
  seqpacketPair,
  withFewDescriptors,
} from '../../linux/endpoints.ts';

/** More than the tests show sockets for. */
const WANTED = { ports: Array.from({ length: 700 }, (_, i) => i + 1), logLevel: 2 };
const NETNS = 4711;

/** A session with the listener's end in the hands of the test. */
class Bench implements SessionOwner, ServiceSocketsOwner<Bridge> {
  readonly reactor = new Reactor(() => undefined);
  readonly isShared = false;
  readonly told: FromDataPlane[] = [];
  /** Service ports at which somebody arrived. */
  readonly arrivals: number[] = [];
  /** What sockets were asked about. */
  readonly asked: unknown[] = [];
  fault: string | undefined = undefined;
  readonly bridge = new Bridge(this, 'br0', 7);
  readonly session: ListenerSession;
  readonly listener: number;
  private listenerOpen = true;

  constructor() {
    const { client, server } = seqpacketPair();
    this.listener = client;
    this.session = new ListenerSession(this, 3, this.bridge, server);
  }

  tell(message: FromDataPlane): void {
    this.told.push(message);
  }

  socketFault(_: number, port: number, netns: number): string | undefined {
    this.asked.push([port, netns]);
    return port === 666 ? 'is not what it should be' : this.fault;
  }

  mayAccept(): boolean {
    return true;
  }

  arrived(_: Bridge, fd: number, servicePort: number): void {
    close(fd);
    this.arrivals.push(servicePort);
  }

  exhausted(): void {}

  paused(): void {}

  turn(): void {
    this.reactor.defer(() => this.reactor.stop());
    this.reactor.run();
  }

  /** Says something as the listener and lets the session hear it. */
  say(length: number, descriptors: readonly number[] = []): void {
    expect(sendMessage(this.listener, length, descriptors)).toBe(0);
    this.turn();
  }

  /** Greets and is accepted. */
  trust(): void {
    this.say(writeJson(MessageType.hello, { bridge: 'br0' }));
    this.session.configure(WANTED, NETNS);
    expect(this.hear()).toEqual({
      type: MessageType.configure,
      body: { ...WANTED, sockets: [], more: false },
    });
    this.told.length = 0;
  }

  /** Says what it listens on, with these sockets among them. */
  show(ports: readonly number[], sockets = ports, more = false): void {
    this.say(
      writeJson(MessageType.listening, { ports, sockets, more, failures: [] }),
      sockets.map(() => socket.fd),
    );
  }

  /** What the session said next: undefined when nothing, 'end' when it is closed. */
  hear(): { type: number; body?: unknown; fds?: number } | 'end' | undefined {
    const fds: number[] = [];
    const n = receiveMessage(this.listener, fds);
    for (const fd of fds) close(fd);
    if (n === -Errno.EAGAIN) return undefined;
    if (n <= 0) return 'end';
    const type = readType(n);
    return {
      type,
      ...(type === MessageType.configure ? { body: readJson(n) } : {}),
      ...(fds.length > 0 ? { fds: fds.length } : {}),
    };
  }

  /** Service ports that the data plane listens on. */
  get open(): number[] {
    return this.bridge.sockets.all.map(({ port }) => port);
  }

  /** Why the session was cut off. */
  get cutOff(): string | undefined {
    const gone = this.told.find((message) => message.type === 'gone');
    return gone?.type === 'gone' ? gone.reason : undefined;
  }

  leave(): void {
    if (this.listenerOpen) close(this.listener);
    this.listenerOpen = false;
  }
}

let bench: Bench;
/** What the listener has to show. */
let socket: Listening;
let before = 0;
beforeEach(() => {
  socket = listenLocal();
  bench = new Bench();
  before = openDescriptors();
});
afterEach(() => {
  bench.session.close('test over');
  bench.bridge.sockets.keepOnly(new Set());
  bench.leave();
  close(socket.fd);
});

function copies(count: number): number[] {
  return new Array<number>(count).fill(socket.fd);
}

function portsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** The session's own descriptor is closed, and with it everything that came over it. */
function expectNothingLeft(): void {
  expect(bench.bridge.sessions.size).toBe(0);
  expect(openDescriptors()).toBe(before - 1);
}

describe('the order of things', () => {
  test('hello is told with who it is', () => {
    bench.say(writeJson(MessageType.hello, { bridge: 'br0' }));
    expect(bench.told).toEqual([
      {
        type: 'hello',
        session: 3,
        bridgeId: 7,
        pid: process.pid,
        body: { bridge: 'br0' },
      },
    ]);
  });

  test('what the listener says afterwards is told, and the data plane listens on its sockets', () => {
    bench.trust();
    bench.show([80, 443]);
    bench.say(writeBare(MessageType.pong));
    expect(bench.told).toEqual([
      { type: 'listening', session: 3, bridgeId: 7, body: { ports: [80, 443], failures: [] } },
      { type: 'pong', session: 3, bridgeId: 7 },
    ]);
    expect(bench.asked).toEqual([
      [80, NETNS],
      [443, NETNS],
    ]);
    expect(bench.open).toEqual([80, 443]);
    expect(openDescriptors()).toBe(before + 2);
    const guest = dial(socket.port);
    bench.turn();
    // Both are the same socket here.
    expect(bench.arrivals).toHaveLength(1);
    close(guest);
  });

  test('ports that can not be opened are told', () => {
    bench.trust();
    const failures = [{ port: 443, reason: 'bind: EADDRINUSE' }];
    bench.say(
      writeJson(MessageType.listening, { ports: [80], sockets: [80], more: false, failures }),
      copies(1),
    );
    expect(bench.told).toMatchObject([{ type: 'listening', body: { ports: [80], failures } }]);
  });

  test('more sockets than fit into a message: told once all have come', () => {
    bench.trust();
    const ports = portsFrom(1, 600);
    bench.show(ports, ports.slice(0, 250), true);
    bench.show(ports, ports.slice(250, 500), true);
    expect(bench.told).toEqual([]);
    bench.show(ports, ports.slice(500));
    expect(bench.told).toMatchObject([{ type: 'listening', body: { ports } }]);
    expect(bench.open).toEqual(ports);
    expect(openDescriptors()).toBe(before + 600);
  });

  test('sockets of ports that it no longer has are closed, the others are not asked for again', () => {
    bench.trust();
    bench.show([80, 443]);
    bench.show([443, 444], [444]);
    expect(bench.open).toEqual([443, 444]);
    expect(openDescriptors()).toBe(before + 2);
    bench.show([], []);
    expect(bench.open).toEqual([]);
    expect(openDescriptors()).toBe(before);
  });

  test('a socket for a port that has one takes its place', () => {
    bench.trust();
    bench.show([80]);
    const other = listenLocal();
    bench.say(writeJson(MessageType.listening, { ports: [80], sockets: [80], more: false, failures: [] }), [
      other.fd,
    ]);
    expect(openDescriptors()).toBe(before + 2);
    const guests = [dial(socket.port), dial(other.port)];
    bench.turn();
    expect(bench.arrivals).toEqual([80]);
    for (const fd of [...guests, other.fd]) close(fd);
  });

  test('ping and exit are said', () => {
    bench.trust();
    bench.session.ping();
    bench.session.exit();
    expect([bench.hear(), bench.hear(), bench.hear()]).toEqual([
      { type: MessageType.ping },
      { type: MessageType.exit },
      undefined,
    ]);
  });

  test('a listener that goes away is told once; its sockets serve on', () => {
    bench.trust();
    bench.show([80]);
    bench.leave();
    bench.turn();
    bench.turn();
    expect(bench.cutOff).toBe('listener went away');
    expect(bench.told.filter(({ type }) => type === 'gone')).toHaveLength(1);
    expect(bench.open).toEqual([80]);
    const guest = dial(socket.port);
    bench.turn();
    expect(bench.arrivals).toEqual([80]);
    close(guest);
  });

  test('what a listener showed right before it died with words of ours unread is taken', () => {
    bench.trust();
    bench.session.ping();
    for (const port of portsFrom(1, 12)) {
      const ports = portsFrom(1, port);
      const body = { ports, sockets: [port], more: false, failures: [] };
      sendMessage(bench.listener, writeJson(MessageType.listening, body), copies(1));
    }
    bench.leave();
    for (let i = 0; i < 4; i++) bench.turn();
    expect(bench.open).toEqual(portsFrom(1, 12));
    expect(bench.cutOff).toBe('listener went away');
  });

  test('nothing is said over a closed session', () => {
    bench.trust();
    bench.session.close('dropped');
    bench.session.close('again');
    bench.session.configure(WANTED, NETNS);
    bench.session.ping();
    bench.session.exit();
    expect(bench.told).toEqual([{ type: 'gone', session: 3, bridgeId: 7, reason: 'dropped' }]);
    expect(bench.hear()).toBe('end');
  });
});

describe('sockets kept for a listener', () => {
  /** Sockets of a listener that is gone. */
  function keep(ports: readonly number[]): void {
    for (const port of ports) bench.bridge.sockets.adopt({ port, fd: duplicate(socket.fd) });
    before = openDescriptors();
  }

  test('come with its ports, those of other ports do not', () => {
    keep([80, 81]);
    bench.say(writeJson(MessageType.hello, { bridge: 'br0' }));
    bench.session.configure({ ...WANTED, ports: [80, 82] }, NETNS);
    expect(bench.hear()).toEqual({
      type: MessageType.configure,
      body: { ...WANTED, ports: [80, 82], sockets: [80], more: false },
      fds: 1,
    });
    // It has to show that of 82 alone.
    bench.show([80, 82], [82]);
    expect(bench.told).toMatchObject([{ type: 'hello' }, { type: 'listening', body: { ports: [80, 82] } }]);
    expect(bench.open).toEqual([80, 82]);
  });

  test('come once', () => {
    keep([80]);
    bench.say(writeJson(MessageType.hello, { bridge: 'br0' }));
    bench.session.configure(WANTED, NETNS);
    expect(bench.hear()).toMatchObject({ fds: 1 });
    bench.session.configure(WANTED, NETNS);
    expect(bench.hear()).toEqual({
      type: MessageType.configure,
      body: { ...WANTED, sockets: [], more: false },
    });
  });

  test('are told again of a port that it had closed meanwhile', () => {
    bench.trust();
    bench.show([80]);
    bench.show([], []);
    keep([80]);
    bench.session.configure(WANTED, NETNS);
    expect(bench.hear()).toMatchObject({ body: { sockets: [80] }, fds: 1 });
  });

  test('more than fit into a message come in several', () => {
    keep(portsFrom(1, 600));
    bench.say(writeJson(MessageType.hello, { bridge: 'br0' }));
    const ports = portsFrom(1, 600);
    bench.session.configure({ ...WANTED, ports }, NETNS);
    const heard = [bench.hear(), bench.hear(), bench.hear(), bench.hear()];
    const body = (first: number, count: number, more: boolean) => ({
      type: MessageType.configure,
      body: { ...WANTED, ports: more ? [] : ports, sockets: portsFrom(first, count), more },
      fds: count,
    });
    expect(heard).toEqual([body(1, 250, true), body(251, 250, true), body(501, 100, false), undefined]);
  });
});

describe('a listener is cut off, and what it sent is closed', () => {
  const state = (ports: readonly number[], sockets = ports, more = false): number =>
    writeJson(MessageType.listening, { ports, sockets, more, failures: [] });

  test.each<[string, string, boolean, () => number, number]>([
    ['state before it was accepted', 'message 2 before', false, () => state([]), 0],
    ['sockets before it was accepted', 'message 2 before', false, () => state([80]), 1],
    ['pong before it was accepted', 'message 3 before', false, () => writeBare(MessageType.pong), 3],
    [
      'a hello with descriptors',
      '0 sockets announced, 200 came',
      false,
      () => writeJson(MessageType.hello, { bridge: 'x' }),
      200,
    ],
    [
      'a hello that is none',
      'malformed hello',
      false,
      () => writeJson(MessageType.hello, { bridge: 1 } as never),
      0,
    ],
    ['a hello without JSON', 'no JSON', false, () => writeBare(MessageType.hello), 0],
    [
      'another hello once accepted',
      'unknown type 1',
      true,
      () => writeJson(MessageType.hello, { bridge: 'br0' }),
      1,
    ],
    ['a message of the forwarder', 'unknown type 18', true, () => writeBare(MessageType.ping), 1],
    ['an unknown type', 'unknown type 99', true, () => writeBare(99 as MessageType), 5],
    ['another version', 'speaks version 9', true, () => withVersion(9), 1],
    ['half a header', 'message of 3 bytes', true, () => writeBare(MessageType.pong) - 1, 1],
    ['an empty message', 'listener went away', true, () => 0, 4],
    ['a state without JSON', 'no JSON', true, () => writeBare(MessageType.listening), 2],
    ['more sockets than announced', '1 sockets announced, 2 came', true, () => state([1]), 2],
    ['fewer sockets than announced', '3 sockets announced, 2 came', true, () => state([1, 2, 3]), 2],
    ['ports without their sockets', 'without their sockets', true, () => state([1, 2], []), 0],
    ['pong with descriptors', '0 sockets announced, 3 came', true, () => writeBare(MessageType.pong), 3],
    ['a socket that it was not asked for', 'port 7000 was not asked for', true, () => state([7000]), 1],
    [
      'a wrong socket, and no more',
      'the socket for service port 666 is not what it should be',
      true,
      () => state([666, 80, 81]),
      3,
    ],
  ])('%s', (_, reason, trusted, write, descriptors) => {
    if (trusted) bench.trust();
    bench.say(write(), copies(descriptors));
    expect(bench.cutOff).toContain(reason);
    expect(bench.told).toHaveLength(1);
    expect(bench.open).toEqual([]);
    expectNothingLeft();
    bench.turn();
    expect(bench.hear()).toBe('end');
  });

  function withVersion(version: number): number {
    const length = writeBare(MessageType.pong);
    outgoing.view.setUint8(1, version);
    return length;
  }

  test('a wrong socket after right ones: the right ones serve, for a listener that does better', () => {
    bench.trust();
    bench.say(state([80, 666, 81]), copies(3));
    expect(bench.cutOff).toContain('service port 666');
    expect(bench.open).toEqual([80]);
    expect(openDescriptors()).toBe(before - 1 + 1);
  });

  test('a second hello while it waits to be accepted', () => {
    const hello = () => writeJson(MessageType.hello, { bridge: 'br0' });
    bench.say(hello());
    bench.say(hello());
    expect(bench.cutOff).toContain('message 1 before the forwarder has accepted it');
    expectNothingLeft();
  });

  test('descriptors that this process has no room for', () => {
    bench.trust();
    sendMessage(bench.listener, state(portsFrom(1, 9)), copies(9));
    withFewDescriptors(4, () => bench.turn());
    expect(bench.cutOff).toBe('recvmsg (message cut off): EMFILE');
    expect(bench.open).toEqual([]);
    expectNothingLeft();
  });

  test('one that does not read what it is told', () => {
    bench.trust();
    for (let i = 0; i < 5000 && bench.cutOff === undefined; i++) bench.session.ping();
    expect(bench.cutOff).toBe('EAGAIN while telling it 18');
    expectNothingLeft();
  });
});
