import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Bridge } from '../../../src/dataplane/bridge.ts';
import {
  type Arrival,
  CONNECTIONS_PER_MESSAGE,
  MessageType,
  readCount,
  readJson,
  readType,
  writeBare,
  writeConnections,
  writeJson,
} from '../../../src/dataplane/handover.ts';
import { Link, type LinkHost } from '../../../src/dataplane/link.ts';
import type { FromWorker } from '../../../src/dataplane/messages.ts';
import { Reactor } from '../../../src/dataplane/reactor.ts';
import { close, eventfd } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { outgoing, receiveMessage, sendMessage } from '../../../src/linux/message.ts';
import { openDescriptors, seqpacketPair, withFewDescriptors } from '../linux/endpoints.ts';

const CONFIGURE = { ports: [80], sockets: [], keepaliveS: 60, logLevel: 2 };

/** A link with the listener's end in the hands of the test. */
class Bench implements LinkHost {
  readonly reactor = new Reactor(() => undefined);
  isFull = false;
  readonly told: FromWorker[] = [];
  readonly arrivals: Arrival[] = [];
  /** What `arrived` is to do besides. */
  onArrival: () => void = () => undefined;
  readonly bridge: Bridge = {
    id: 7,
    name: 'br0',
    routes: new Map(),
    relays: new Set(),
    links: new Set(),
    socket: undefined,
  };
  readonly link: Link;
  readonly listener: number;
  private listenerOpen = true;

  constructor() {
    const { client, server } = seqpacketPair();
    this.listener = client;
    this.link = new Link(this, 3, this.bridge, server);
  }

  tell(message: FromWorker): void {
    this.told.push(message);
  }

  arrived(bridge: Bridge, arrival: Arrival): void {
    if (bridge !== this.bridge) throw new Error('arrived at another bridge');
    this.arrivals.push(arrival);
    close(arrival.fd);
    this.onArrival();
  }

  turn(): void {
    this.reactor.defer(() => this.reactor.stop());
    this.reactor.run();
  }

  /** Says something as the listener and lets the link hear it. */
  say(length: number, descriptors: readonly number[] = []): void {
    expect(sendMessage(this.listener, length, descriptors)).toBe(0);
    this.turn();
  }

  /** Greets and is accepted. */
  trust(): void {
    this.say(writeJson(MessageType.hello, { bridge: 'br0', ports: [] }));
    this.link.configure(CONFIGURE, []);
    expect(this.hear()).toEqual({ type: MessageType.configure, body: CONFIGURE });
    this.told.length = 0;
  }

  /** What the link said next: undefined when nothing, 'end' when it is closed. */
  hear(): { type: number; count?: number; body?: unknown; fds?: number } | 'end' | undefined {
    const fds: number[] = [];
    const n = receiveMessage(this.listener, fds);
    for (const fd of fds) close(fd);
    if (n === -Errno.EAGAIN) return undefined;
    if (n <= 0) return 'end';
    const type = readType(n);
    return {
      type,
      ...(type === MessageType.taken ? { count: readCount() } : {}),
      ...(type === MessageType.configure ? { body: readJson(n) } : {}),
      ...(fds.length > 0 ? { fds: fds.length } : {}),
    };
  }

  handOver(count: number, from = 0): void {
    this.say(writeConnections(connections(count, from), 0, count), copies(count));
  }

  /** Why the link was cut off. */
  get cutOff(): string | undefined {
    const gone = this.told.find((message) => message.type === 'gone');
    return gone?.type === 'gone' ? gone.reason : undefined;
  }

  leave(): void {
    if (this.listenerOpen) close(this.listener);
    this.listenerOpen = false;
  }
}

const file = eventfd();
function copies(count: number): number[] {
  return new Array<number>(count).fill(file);
}

function connections(count: number, from = 0): Arrival[] {
  return Array.from({ length: count }, (_, i) => ({
    fd: -1,
    servicePort: 80,
    guestIp: 1,
    guestPort: from + i + 1,
  }));
}

let bench: Bench;
let before = 0;
beforeEach(() => {
  bench = new Bench();
  before = openDescriptors();
});
afterEach(() => {
  bench.link.close('test over');
  bench.leave();
});

/** The link's own descriptor is closed, and with it everything that came over it. */
function expectNothingLeft(): void {
  expect(bench.bridge.links.size).toBe(0);
  expect(openDescriptors()).toBe(before - 1);
}

describe('the order of things', () => {
  test('hello is told with who it is, and its sockets', () => {
    bench.say(writeJson(MessageType.hello, { bridge: 'br0', ports: [80, 443] }), copies(2));
    expect(bench.told).toEqual([
      {
        type: 'hello',
        link: 3,
        bridgeId: 7,
        pid: process.pid,
        uid: process.getuid?.(),
        body: { bridge: 'br0', ports: [80, 443] },
        fds: [expect.any(Number), expect.any(Number)],
      },
    ]);
    const [hello] = bench.told;
    if (hello?.type === 'hello') for (const fd of hello.fds) close(fd);
    expect(openDescriptors()).toBe(before);
  });

  test('configure is said with the sockets kept', () => {
    bench.say(writeJson(MessageType.hello, { bridge: 'br0', ports: [] }));
    bench.link.configure({ ...CONFIGURE, sockets: [80] }, [file]);
    expect(bench.hear()).toEqual({
      type: MessageType.configure,
      body: { ...CONFIGURE, sockets: [80] },
      fds: 1,
    });
  });

  test('what the listener says afterwards is passed on', () => {
    bench.trust();
    bench.say(writeJson(MessageType.listening, { ports: [80], sockets: [80], failures: [] }), copies(1));
    bench.say(writeBare(MessageType.paused));
    bench.say(writeBare(MessageType.pong));
    expect(bench.told).toEqual([
      {
        type: 'listening',
        link: 3,
        bridgeId: 7,
        body: { ports: [80], sockets: [80], failures: [] },
        fds: [expect.any(Number)],
      },
      { type: 'paused', link: 3, bridgeId: 7 },
      { type: 'pong', link: 3, bridgeId: 7 },
    ]);
    const [first] = bench.told;
    if (first?.type === 'listening') for (const fd of first.fds) close(fd);
    expect(openDescriptors()).toBe(before);
  });

  test('pause, ping and exit are said', () => {
    bench.trust();
    bench.link.pause();
    bench.link.ping();
    bench.link.exit();
    expect([bench.hear(), bench.hear(), bench.hear(), bench.hear()]).toEqual([
      { type: MessageType.pause },
      { type: MessageType.ping },
      { type: MessageType.exit },
      undefined,
    ]);
  });

  test('connections are acknowledged before any of them is touched', () => {
    bench.trust();
    const heard: unknown[] = [];
    bench.onArrival = () => heard.push(bench.hear());
    bench.handOver(3);
    expect(heard).toEqual([{ type: MessageType.taken, count: 3 }, undefined, undefined]);
    expect(bench.arrivals.map(({ guestPort }) => guestPort)).toEqual([1, 2, 3]);
    expect(openDescriptors()).toBe(before);
  });

  test('a listener that goes away is told once', () => {
    bench.trust();
    bench.handOver(2);
    bench.leave();
    bench.turn();
    bench.turn();
    expect(bench.told).toEqual([{ type: 'gone', link: 3, bridgeId: 7, reason: 'listener went away' }]);
    expect(bench.arrivals).toHaveLength(2);
    before -= 1;
    expectNothingLeft();
  });

  test('what a listener handed over right before it died is served: nobody else has it', () => {
    bench.trust();
    bench.link.ping();
    for (let i = 0; i < 12; i++)
      sendMessage(bench.listener, writeConnections(connections(20), 0, 20), copies(20));
    bench.leave();
    for (let i = 0; i < 4; i++) bench.turn();
    expect(bench.arrivals).toHaveLength(240);
    expect(bench.cutOff).toBe('listener went away');
    before -= 1;
    expectNothingLeft();
  });

  test('nothing is said over a closed link', () => {
    bench.trust();
    bench.link.close('dropped');
    bench.link.close('again');
    bench.link.configure(CONFIGURE, []);
    bench.link.pause();
    bench.link.ping();
    bench.link.exit();
    bench.link.resume();
    expect(bench.told).toEqual([{ type: 'gone', link: 3, bridgeId: 7, reason: 'dropped' }]);
    expect(bench.hear()).toBe('end');
  });
});

describe('a listener is cut off, and what it sent is closed', () => {
  test.each<[string, string, boolean, () => number, number]>([
    [
      'connections before it was accepted',
      'message 3 before',
      false,
      () => writeConnections(connections(2), 0, 2),
      2,
    ],
    [
      'state before it was accepted',
      'message 2 before',
      false,
      () => writeJson(MessageType.listening, { ports: [], sockets: [], failures: [] }),
      0,
    ],
    ['pause before it was accepted', 'message 4 before', false, () => writeBare(MessageType.paused), 3],
    [
      'a hello with too few sockets',
      '2 sockets announced, 1 came',
      false,
      () => writeJson(MessageType.hello, { bridge: 'x', ports: [1, 2] }),
      1,
    ],
    [
      'a hello with too many sockets',
      '0 sockets announced, 200 came',
      false,
      () => writeJson(MessageType.hello, { bridge: 'x', ports: [] }),
      200,
    ],
    [
      'a hello that is none',
      'malformed hello',
      false,
      () => writeJson(MessageType.hello, { bridge: 'x', ports: [0] }),
      1,
    ],
    ['a hello without JSON', 'no JSON', false, () => writeBare(MessageType.hello), 2],
    [
      'another hello once accepted',
      'unknown type 1',
      true,
      () => writeJson(MessageType.hello, { bridge: 'br0', ports: [80] }),
      1,
    ],
    ['a message of the forwarder', 'unknown type 17', true, () => writeBare(MessageType.taken), 1],
    ['an unknown type', 'unknown type 99', true, () => writeBare(99 as MessageType), 5],
    ['another version', 'version 9 spoken', true, () => withVersion(9), 1],
    ['half a header', 'message of 3 bytes', true, () => writeBare(MessageType.paused) - 1, 1],
    ['an empty message', 'listener went away', true, () => 0, 4],
    [
      'fewer connections than announced',
      '5 connections announced',
      true,
      () => writeConnections(connections(5), 0, 5),
      4,
    ],
    [
      'more connections than announced',
      '2 connections announced',
      true,
      () => writeConnections(connections(2), 0, 2),
      3,
    ],
    [
      'records cut short',
      '2 connections announced',
      true,
      () => writeConnections(connections(2), 0, 2) - 1,
      2,
    ],
    [
      'a state with other sockets',
      '1 sockets announced, 2 came',
      true,
      () => writeJson(MessageType.listening, { ports: [1], sockets: [1], failures: [] }),
      2,
    ],
    ['pause with descriptors', '0 sockets announced, 3 came', true, () => writeBare(MessageType.paused), 3],
    ['pong with descriptors', '0 sockets announced, 3 came', true, () => writeBare(MessageType.pong), 3],
  ])('%s', (_, reason, trusted, write, descriptors) => {
    if (trusted) bench.trust();
    bench.say(write(), copies(descriptors));
    expect(bench.cutOff).toContain(reason);
    expect(bench.told).toHaveLength(1);
    expect(bench.arrivals).toEqual([]);
    expectNothingLeft();
    bench.turn();
    expect(bench.hear()).toBe('end');
  });

  function withVersion(version: number): number {
    const length = writeBare(MessageType.paused);
    outgoing.view.setUint8(1, version);
    return length;
  }

  test('a second hello while it waits to be accepted', () => {
    const hello = () => writeJson(MessageType.hello, { bridge: 'br0', ports: [] });
    bench.say(hello());
    bench.say(hello());
    expect(bench.cutOff).toContain('message 1 before the forwarder has accepted it');
    expectNothingLeft();
  });

  test('descriptors that this process has no room for', () => {
    bench.trust();
    sendMessage(bench.listener, writeConnections(connections(9), 0, 9), copies(9));
    withFewDescriptors(4, () => bench.turn());
    expect(bench.cutOff).toBe('recvmsg (message cut off): EMFILE');
    expect(bench.arrivals).toEqual([]);
    expectNothingLeft();
  });

  test('one that does not read what it is told', () => {
    bench.trust();
    for (let i = 0; i < 5000 && bench.cutOff === undefined; i++) bench.link.ping();
    expect(bench.cutOff).toBe('EAGAIN while telling it 20');
    expectNothingLeft();
  });
});

test('connections that can not be acknowledged are not touched: the listener hands them over again', () => {
  const room = messagesThatFit();
  before = openDescriptors();
  bench.trust();
  for (let i = 0; i < room; i++) bench.link.pause();
  bench.handOver(5);
  expect(bench.cutOff).toBe('EAGAIN while telling it 17');
  expect(bench.arrivals).toEqual([]);
  expectNothingLeft();
  for (let i = 0; i < room; i++) expect(bench.hear()).toEqual({ type: MessageType.pause });
  expect(bench.hear()).toBe('end');
});

/** How much can be said to a listener that does not read. */
function messagesThatFit(): number {
  const trial = new Bench();
  trial.trust();
  let count = -1;
  for (; trial.cutOff === undefined; count++) trial.link.pause();
  trial.leave();
  return count;
}

describe('while the data plane is full', () => {
  test('connections wait unacknowledged, and everything else is heard', () => {
    bench.trust();
    bench.isFull = true;
    bench.handOver(60);
    bench.say(writeBare(MessageType.pong));
    expect(bench.hear()).toBeUndefined();
    expect(bench.arrivals).toEqual([]);
    expect(bench.told).toEqual([{ type: 'pong', link: 3, bridgeId: 7 }]);
    bench.isFull = false;
    expect(bench.link.resume()).toBe(true);
    expect(bench.hear()).toEqual({ type: MessageType.taken, count: 60 });
    expect(bench.arrivals.map(({ guestPort }) => guestPort)).toEqual(
      connections(60).map(({ guestPort }) => guestPort),
    );
    expect(bench.link.resume()).toBe(false);
    expect(openDescriptors()).toBe(before);
  });

  test('only so many are kept; the others stay with the listener, in order, and no processor time is burnt', () => {
    bench.trust();
    bench.isFull = true;
    for (let i = 0; i < 6; i++) bench.handOver(50, i * 50);
    for (let i = 0; i < 10; i++) bench.turn();
    const events = vi.spyOn(bench.link, 'onEvents');
    for (let i = 0; i < 10; i++) bench.turn();
    expect(events).not.toHaveBeenCalled();
    const kept = openDescriptors() - before;
    expect(kept).toBeGreaterThanOrEqual(2 * CONNECTIONS_PER_MESSAGE);
    expect(kept).toBeLessThan(3 * CONNECTIONS_PER_MESSAGE);
    bench.isFull = false;
    while (bench.link.resume());
    for (let i = 0; i < 10; i++) bench.turn();
    expect(bench.arrivals.map(({ guestPort }) => guestPort)).toEqual(
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
    let acknowledged = 0;
    for (let said = bench.hear(); said !== undefined && said !== 'end'; said = bench.hear())
      acknowledged += said.count ?? 0;
    expect(acknowledged).toBe(300);
    expect(openDescriptors()).toBe(before);
  });

  test('becoming full in the middle of a turn leaves the rest of the messages waiting', () => {
    bench.trust();
    bench.onArrival = () => {
      bench.isFull = true;
    };
    for (let i = 0; i < 5; i++)
      sendMessage(bench.listener, writeConnections(connections(40), 0, 40), copies(40));
    bench.turn();
    expect(bench.arrivals).toHaveLength(40);
  });

  test('one that can not be heard is not thought silent', () => {
    bench.trust();
    bench.isFull = true;
    for (let i = 0; i < 4; i++) bench.handOver(50);
    bench.link.ping();
    expect(bench.told).toEqual([{ type: 'pong', link: 3, bridgeId: 7 }]);
    expect(bench.hear()).toBeUndefined();
  });

  test('one that dies is noticed, and what it left is taken: nobody else has it', () => {
    bench.trust();
    bench.isFull = true;
    for (let i = 0; i < 6; i++) bench.handOver(50);
    bench.leave();
    bench.turn();
    bench.turn();
    expect(bench.cutOff).toBe('listener went away');
    expect(bench.arrivals).toHaveLength(300);
    before -= 1;
    expectNothingLeft();
  });
});
