import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DataPlane } from '../../../src/dataplane/dataplane.ts';
import {
  type Arrival,
  MessageType,
  readCount,
  readType,
  writeBare,
  writeConnections,
  writeJson,
} from '../../../src/dataplane/handover.ts';
import type { FromWorker, LinkId, WorkerData } from '../../../src/dataplane/messages.ts';
import { Reactor } from '../../../src/dataplane/reactor.ts';
import { type FinishedRecord, readRecords } from '../../../src/dataplane/records.ts';
import { SyscallError } from '../../../src/errors.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { receiveMessage, sendMessage } from '../../../src/linux/message.ts';
import { seqpacketConnect, seqpacketListen, shutdownWrite } from '../../../src/linux/socket.ts';
import {
  acceptNow,
  acceptSoon,
  dial,
  type Listening,
  LOOPBACK,
  listenLocal,
  openDescriptors,
  receiveBytes,
  sendBytes,
  withFewDescriptors,
} from '../linux/endpoints.ts';

// The machine may be busy with other tests.
vi.setConfig({ testTimeout: 30_000 });

const BRIDGE = 4;
const LIMITS = { connectMs: 2000, lingerMs: 0, idleMs: 0, keepaliveS: 0 };

let directory = '';
let listening: Listening;
let upstream: Listening;
let bench: Bench;
let before = 0;

/** A data plane turned by hand; the test is its main thread, its listener, its guests and its upstream. */
class Bench {
  readonly reactor = new Reactor(() => undefined);
  readonly posted: FromWorker[] = [];
  readonly records: FinishedRecord[] = [];
  readonly plane: DataPlane;
  readonly path: string;

  constructor(data: Partial<WorkerData> = {}) {
    this.plane = new DataPlane(
      this.reactor,
      { limits: LIMITS, descriptorLimit: 20_000, ...data },
      (message) => {
        if (message.type === 'records') this.records.push(...readRecords(message.records));
        else this.posted.push(message);
      },
    );
    this.path = join(directory, `br${Math.random()}`);
  }

  serve(): void {
    const fd = seqpacketListen(this.path, 16);
    this.plane.onMessage({ type: 'serve', bridge: 'br0', bridgeId: BRIDGE, fd });
    this.route({ 80: upstream.port });
  }

  route(routes: Record<number, number>): void {
    this.plane.onMessage({
      type: 'routes',
      bridgeId: BRIDGE,
      routes: Object.entries(routes).map(([servicePort, port]) => ({
        servicePort: Number(servicePort),
        ip: LOOPBACK,
        port,
      })),
    });
  }

  turn(): void {
    this.reactor.defer(() => this.reactor.stop());
    this.reactor.run();
  }

  until<T>(what: string, look: () => T | undefined, limitMs = 5000): T {
    const deadline = performance.now() + limitMs;
    for (;;) {
      this.turn();
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    }
  }

  said<T extends FromWorker['type']>(type: T): Extract<FromWorker, { type: T }> {
    return this.until(
      type,
      () =>
        this.posted.find((message) => message.type === type) as Extract<FromWorker, { type: T }> | undefined,
    );
  }

  /** Connects as a listener and is accepted. */
  link(): { fd: number; id: LinkId } {
    const known = new Set(this.posted);
    const fd = seqpacketConnect(this.path);
    if (fd < 0) throw new Error(`no link: ${fd}`);
    sendMessage(fd, writeJson(MessageType.hello, { bridge: 'br0', ports: [] }));
    const hello = this.until('hello', () =>
      this.posted.find((message) => message.type === 'hello' && !known.has(message)),
    );
    const id = hello.type === 'hello' ? hello.link : 0;
    const body = { ports: [], sockets: [], keepaliveS: 0, logLevel: 2 };
    this.plane.onMessage({ type: 'configure', link: id, body, fds: [] });
    receiveMessage(fd, []);
    return { fd, id };
  }

  count(): { relays: number; bridges: readonly unknown[] } {
    this.posted.length = 0;
    this.plane.onMessage({ type: 'count', id: 9 });
    const { relays, byBridge } = this.said('counted');
    return { relays, bridges: byBridge };
  }
}

/** A guest that has dialled: its socket, and the one the listener accepted. */
function guest(): { fd: number; accepted: number } {
  const fd = dial(listening.port);
  return { fd, accepted: acceptSoon(listening.fd) };
}

function handOver(link: number, accepted: readonly number[], servicePort = 80): void {
  const arrivals: Arrival[] = accepted.map((fd, i) => ({
    fd,
    servicePort,
    guestIp: LOOPBACK,
    guestPort: 1000 + i,
  }));
  expect(sendMessage(link, writeConnections(arrivals, 0, arrivals.length), accepted)).toBe(0);
}

/** Connections acknowledged since the last look. */
function acknowledged(link: number): number {
  let count = 0;
  while (receiveMessage(link, []) > 0) if (readType(4) === MessageType.taken) count += readCount();
  return count;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tproxy-plane-'));
  listening = listenLocal();
  upstream = listenLocal();
  bench = new Bench();
  before = openDescriptors();
});
afterEach(() => {
  bench.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
  bench.plane.onMessage({ type: 'cut' });
  close(listening.fd);
  close(upstream.fd);
  rmSync(directory, { recursive: true });
});

describe('a connection', () => {
  test('is acknowledged, dialled where its port leads, relayed and recorded', () => {
    bench.serve();
    const link = bench.link();
    const { fd, accepted } = guest();
    handOver(link.fd, [accepted]);
    const server = bench.until('the upstream connection', () => acceptNow(upstream.fd));
    expect(acknowledged(link.fd)).toBe(1);
    close(accepted);
    sendBytes(fd, Buffer.from('ping'));
    expect(bench.until('ping', () => textAt(server))).toBe('ping');
    sendBytes(server, Buffer.from('pong!'));
    expect(bench.until('pong', () => textAt(fd))).toBe('pong!');
    expect(bench.count()).toEqual({ relays: 1, bridges: [{ bridgeId: BRIDGE, relays: 1 }] });
    close(fd);
    close(server);
    const record = bench.until('the record', () => bench.records[0]);
    expect(record).toEqual({
      bridgeId: BRIDGE,
      servicePort: 80,
      guestIp: LOOPBACK,
      guestPort: 1000,
      upstreamIp: LOOPBACK,
      upstreamPort: upstream.port,
      bytesToUpstream: 4,
      bytesToGuest: 5,
      durationMs: expect.any(Number),
      outcome: 'closed',
    });
    expect(bench.count()).toEqual({ relays: 0, bridges: [{ bridgeId: BRIDGE, relays: 0 }] });
  });

  test('to a port without an endpoint is reset and recorded', () => {
    bench.serve();
    const link = bench.link();
    const { fd, accepted } = guest();
    handOver(link.fd, [accepted], 81);
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]).toMatchObject({ servicePort: 81, outcome: 'no-endpoint', upstreamPort: 0 });
    expect(acknowledged(link.fd)).toBe(1);
    close(accepted);
    expect(receiveBytes(fd)).toBe(-Errno.ECONNRESET);
  });

  test('whose upstream refuses is reset and recorded', () => {
    bench.serve();
    const closed = listenLocal();
    close(closed.fd);
    bench.route({ 80: closed.port });
    const link = bench.link();
    const { fd, accepted } = guest();
    handOver(link.fd, [accepted]);
    close(accepted);
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]).toMatchObject({ outcome: 'upstream-refused', upstreamPort: closed.port });
    expect(receiveBytes(fd)).toBe(-Errno.ECONNRESET);
  });

  test('whose upstream can not be reached from here is reset and recorded', () => {
    bench.serve();
    bench.plane.onMessage({
      type: 'routes',
      bridgeId: BRIDGE,
      routes: [{ servicePort: 80, ip: 0xffffffff, port: 80 }],
    });
    const link = bench.link();
    const { accepted } = guest();
    handOver(link.fd, [accepted]);
    close(accepted);
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]?.outcome).toBe('upstream-unreachable');
  });

  test('goes where its port leads by the time it comes; living relays stay where they are', () => {
    bench.serve();
    const other = listenLocal();
    const link = bench.link();
    const [first, second] = [guest(), guest()];
    handOver(link.fd, [first.accepted]);
    const old = bench.until('the first', () => acceptNow(upstream.fd));
    bench.route({ 80: other.port });
    handOver(link.fd, [second.accepted]);
    const fresh = bench.until('the second', () => acceptNow(other.fd));
    for (const [at, from] of [
      [old, first.fd],
      [fresh, second.fd],
    ] as const) {
      sendBytes(from, Buffer.from('x'));
      expect(bench.until('x', () => textAt(at))).toBe('x');
    }
    for (const fd of [first.accepted, second.accepted, first.fd, second.fd, old, fresh, other.fd]) close(fd);
  });

  test('for which there is no descriptor is reset, and the link lives on', () => {
    bench.serve();
    const link = bench.link();
    const { fd, accepted } = guest();
    handOver(link.fd, [accepted]);
    withFewDescriptors(1, () => bench.turn());
    close(accepted);
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]?.outcome).toBe('out-of-descriptors');
    expect(receiveBytes(fd)).toBe(-Errno.ECONNRESET);
    sendMessage(link.fd, writeBare(MessageType.pong));
    bench.said('pong');
    close(fd);
  });
});

function textAt(fd: number): string | undefined {
  const got = receiveBytes(fd);
  return typeof got === 'number' ? undefined : got.toString('latin1');
}

describe('what the kernel will not watch', () => {
  const refuse = (times: number, after = 0): void => {
    const { reactor } = bench;
    const add = reactor.add.bind(reactor);
    let calls = 0;
    vi.spyOn(reactor, 'add').mockImplementation((...args) => {
      calls += 1;
      if (calls > after && calls <= after + times) throw new SyscallError('epoll_ctl', 28, 'ENOSPC');
      return add(...args);
    });
  };

  test.each([
    ['the upstream', 0],
    ['the guest', 1],
  ])('a relay of which %s is refused ends with an error and leaves nothing open', (_, after) => {
    bench.serve();
    const link = bench.link();
    const { fd, accepted } = guest();
    const descriptors = openDescriptors();
    refuse(1, after);
    handOver(link.fd, [accepted]);
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]?.outcome).toBe('error');
    expect(acknowledged(link.fd)).toBe(1);
    const dialled = bench.until('what was dialled', () => acceptNow(upstream.fd));
    close(dialled);
    expect(openDescriptors()).toBe(descriptors);
    close(accepted);
    expect(receiveBytes(fd)).toBe(-Errno.ECONNRESET);
    expect(bench.count().relays).toBe(0);
    close(fd);
  });

  test('a listener is turned away and the next one let in', () => {
    bench.serve();
    refuse(1);
    const fd = seqpacketConnect(bench.path);
    bench.turn();
    expect(receiveMessage(fd, [])).toBe(0);
    close(fd);
    expect(bench.link().id).toBeGreaterThan(0);
  });
});

describe('a bridge that is withdrawn', () => {
  test('takes nothing more, its listener is cut off, its living relays go on and are counted', () => {
    bench.serve();
    const link = bench.link();
    const { fd, accepted } = guest();
    handOver(link.fd, [accepted]);
    const server = bench.until('the relay', () => acceptNow(upstream.fd));
    close(accepted);
    bench.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
    expect(bench.said('gone')).toMatchObject({ link: link.id, bridgeId: BRIDGE, reason: 'bridge withdrawn' });
    acknowledged(link.fd);
    expect(receiveMessage(link.fd, [])).toBe(0);
    expect(seqpacketConnect(bench.path)).toBe(-Errno.ECONNREFUSED);
    sendBytes(server, Buffer.from('alive'));
    expect(bench.until('alive', () => textAt(fd))).toBe('alive');
    expect(bench.count().relays).toBe(1);
    for (const each of [fd, server, link.fd]) close(each);
    bench.until('the record', () => bench.records[0]);
    expect(bench.count()).toEqual({ relays: 0, bridges: [] });
    expect(openDescriptors()).toBe(before);
  });

  test('leaves what the listener had not been answered to the next forwarder', () => {
    bench.serve();
    const link = bench.link();
    const { accepted } = guest();
    handOver(link.fd, [accepted]);
    bench.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
    expect(acknowledged(link.fd)).toBe(0);
    bench.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
    expect(acceptNow(upstream.fd)).toBeUndefined();
  });
});

describe('draining', () => {
  test('is told at once without relays', () => {
    bench.plane.onMessage({ type: 'drain' });
    expect(bench.posted).toEqual([{ type: 'drained' }]);
  });

  test('is told with the end of the last relay, its record before it', () => {
    bench.serve();
    const link = bench.link();
    const guests = [guest(), guest()];
    handOver(
      link.fd,
      guests.map(({ accepted }) => accepted),
    );
    for (const { accepted } of guests) close(accepted);
    const servers = guests.map(() => bench.until('a relay', () => acceptNow(upstream.fd)));
    bench.posted.length = 0;
    bench.plane.onMessage({ type: 'drain' });
    for (const fd of servers) close(fd);
    for (const [i, { fd }] of guests.entries()) {
      bench.turn();
      expect(bench.posted.map(({ type }) => type)).not.toContain('drained');
      shutdownWrite(fd);
      if (i === 0) bench.until('the first end', () => (bench.count().relays === 1 ? true : undefined));
    }
    bench.said('drained');
    expect(bench.records).toHaveLength(2);
  });

  test('cut ends all relays at once', () => {
    bench.serve();
    const link = bench.link();
    const guests = Array.from({ length: 20 }, guest);
    handOver(
      link.fd,
      guests.map(({ accepted }) => accepted),
    );
    bench.until('the relays', () => (bench.count().relays === 20 ? true : undefined));
    bench.plane.onMessage({ type: 'cut' });
    expect(bench.count().relays).toBe(0);
    bench.plane.flush();
    expect(bench.records.map(({ outcome }) => outcome)).toEqual(new Array(20).fill('cut'));
  });
});

describe('room for relays', () => {
  /** 16 relays. */
  const LITTLE = { descriptorLimit: 100 };

  test('a full data plane lets connections wait, unacknowledged, and takes them when relays end', () => {
    bench = new Bench(LITTLE);
    bench.serve();
    const link = bench.link();
    const guests = Array.from({ length: 40 }, guest);
    for (const { accepted } of guests) handOver(link.fd, [accepted]);
    const servers: number[] = [];
    const collect = (): void => {
      for (let fd = acceptNow(upstream.fd); fd !== undefined; fd = acceptNow(upstream.fd)) servers.push(fd);
    };
    for (let i = 0; i < 20; i++) {
      bench.turn();
      collect();
    }
    expect(servers).toHaveLength(16);
    expect(acknowledged(link.fd)).toBe(16);
    sendMessage(link.fd, writeBare(MessageType.pong));
    bench.said('pong');
    for (const { accepted } of guests) close(accepted);
    for (let ended = 0; ended < 40; ended++) {
      const fd = bench.until('the next to be served', () => {
        collect();
        return servers[ended];
      });
      expect(bench.count().relays).toBeLessThanOrEqual(40);
      close(fd);
      // Both ends, so that the relay ends.
      const each = guests[ended];
      if (each !== undefined) close(each.fd);
    }
    bench.until('all to have ended', () => (bench.records.length === 40 ? true : undefined));
    expect(acknowledged(link.fd)).toBe(24);
  });

  test('what one listener has waiting does not keep those of another from their turn', () => {
    bench = new Bench(LITTLE);
    bench.serve();
    const [greedy, modest] = [bench.link(), bench.link()];
    const crowd = Array.from({ length: 120 }, guest);
    const one = guest();
    const batch = (from: number, count: number) =>
      crowd.slice(from, from + count).map(({ accepted }) => accepted);
    handOver(greedy.fd, batch(0, 16));
    bench.until('a full house', () => (bench.count().relays === 16 ? true : undefined));
    handOver(greedy.fd, batch(16, 52));
    handOver(greedy.fd, batch(68, 52));
    handOver(modest.fd, [one.accepted]);
    bench.turn();
    bench.turn();
    expect(acknowledged(greedy.fd)).toBe(16);
    // One end lets a batch in; the next lets the other listener's in before the rest of the first.
    bench.plane.onMessage({ type: 'cut' });
    expect(acknowledged(greedy.fd)).toBe(64);
    expect(acknowledged(modest.fd)).toBe(0);
    bench.plane.onMessage({ type: 'cut' });
    expect(acknowledged(modest.fd)).toBe(1);
  });
});

describe('bridge sockets', () => {
  test('without a descriptor for a listener that connects nothing spins, and it is let in later', () => {
    bench.serve();
    const fd = seqpacketConnect(bench.path);
    sendMessage(fd, writeJson(MessageType.hello, { bridge: 'br0', ports: [] }));
    withFewDescriptors(0, () => {
      bench.turn();
      const end = performance.now() + 400;
      bench.reactor.onTick((now) => {
        if (now > end) bench.reactor.stop();
        return false;
      });
      const before = process.cpuUsage();
      bench.reactor.run();
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(150);
    });
    expect(bench.posted).toEqual([]);
    bench.said('hello');
    close(fd);
  });

  test('bring several listeners, each told by its own number', () => {
    bench.serve();
    const links = [bench.link(), bench.link(), bench.link()];
    expect(new Set(links.map(({ id }) => id)).size).toBe(3);
    bench.plane.onMessage({ type: 'drop', link: links[1]?.id ?? 0 });
    expect(bench.said('gone').link).toBe(links[1]?.id);
    bench.plane.onMessage({ type: 'pause', link: links[2]?.id ?? 0 });
    expect(receiveMessage(links[0]?.fd ?? -1, [])).toBe(-Errno.EAGAIN);
    expect(receiveMessage(links[2]?.fd ?? -1, [])).toBe(4);
    for (const { fd } of links) close(fd);
  });

  test('messages for what is gone are ignored', () => {
    for (const type of ['pause', 'exit', 'drop', 'ping'] as const) bench.plane.onMessage({ type, link: 99 });
    bench.plane.onMessage({ type: 'withdraw', bridgeId: 99 });
    bench.plane.onMessage({ type: 'routes', bridgeId: 99, routes: [] });
    bench.plane.onMessage({
      type: 'configure',
      link: 99,
      body: { ports: [], sockets: [], keepaliveS: 0, logLevel: 2 },
      fds: [],
    });
    expect(bench.posted).toEqual([]);
  });
});

test('changed limits hold for connections that come afterwards', () => {
  bench.serve();
  bench.plane.onMessage({ type: 'limits', limits: { ...LIMITS, connectMs: 150 } });
  const full = listenLocal(0);
  const fillers = Array.from({ length: 4 }, () => dial(full.port));
  const filled = performance.now() + 50;
  bench.until('a full queue', () => (performance.now() > filled ? true : undefined));
  bench.route({ 80: full.port });
  const link = bench.link();
  const { fd, accepted } = guest();
  handOver(link.fd, [accepted]);
  const record = bench.until('the record', () => bench.records[0], 2000);
  expect(record.outcome).toBe('connect-timeout');
  for (const each of [...fillers, full.fd, fd, accepted]) close(each);
});
