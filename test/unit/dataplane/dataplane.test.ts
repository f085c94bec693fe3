import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readRecords } from '../../../src/dataplane/connection-records.ts';
import { MessageType, writeBare, writeJson } from '../../../src/dataplane/handover.ts';
import { SyscallError } from '../../../src/errors.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { receiveMessage, sendMessage } from '../../../src/linux/descriptor-passing.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import { seqpacketConnect, seqpacketListen } from '../../../src/linux/unix-socket.ts';
import {
  acceptNow,
  dial,
  type Listening,
  LOOPBACK,
  listenLocal,
  localPort,
  openDescriptors,
  receiveBytes,
  sendBytes,
  withFewDescriptors,
} from '../linux/endpoints.ts';
import { BRIDGE, DataPlaneBench, route, settings } from './dataplane-bench.ts';

let directory = '';
let listening: Listening;
let upstream: Listening;
let bench: DataPlaneBench;
let before = 0;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tproxy-plane-'));
  listening = listenLocal();
  upstream = listenLocal();
  bench = new DataPlaneBench(directory);
  before = openDescriptors();
});
afterEach(() => {
  bench.dispose();
  close(listening.fd);
  close(upstream.fd);
  rmSync(directory, { recursive: true });
});

/** Serves port 80, where `listening` listens and `upstream` is behind. */
function serve(): { fd: number; id: number } {
  bench.serve(route(upstream.port));
  return bench.show({ 80: listening.fd });
}

/** A guest that dials. */
function guest(): number {
  return dial(listening.port);
}

function textAt(fd: number): string | undefined {
  const got = receiveBytes(fd);
  return typeof got === 'number' ? undefined : got.toString('latin1');
}

/** How the stream at `fd` ended: 0, or a negative errno. */
function endOf(fd: number): number {
  return bench.until('the end of the stream', () => {
    const got = receiveBytes(fd);
    if (typeof got !== 'number') throw new Error('bytes instead of the end of the stream');
    return got === -Errno.EAGAIN ? undefined : got;
  });
}

describe('a connection', () => {
  test('is dialled where its port leads, relayed and recorded', () => {
    serve();
    const fd = guest();
    const guestPort = localPort(fd);
    const server = bench.until('the upstream connection', () => acceptNow(upstream.fd));
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
      guestPort,
      upstreamIp: LOOPBACK,
      upstreamPort: upstream.port,
      bytesToUpstream: 4,
      bytesToGuest: 5,
      durationMs: expect.any(Number),
      connectMs: expect.any(Number),
      outcome: 'closed',
    });
    expect(record.connectMs).toBeGreaterThanOrEqual(0);
    expect(record.connectMs).toBeLessThanOrEqual(record.durationMs);
    expect(bench.count()).toEqual({ relays: 0, bridges: [{ bridgeId: BRIDGE, relays: 0 }] });
  });

  test('is listed while it lives, with what it has moved so far', () => {
    serve();
    const fd = guest();
    const server = bench.until('the upstream connection', () => acceptNow(upstream.fd));
    sendBytes(fd, Buffer.from('four'));
    bench.until('four', () => textAt(server));
    bench.plane.onMessage({ type: 'list', id: 3 });
    const { id, relays } = bench.said('listed');
    expect(id).toBe(3);
    expect([...readRecords(relays)]).toEqual([
      {
        bridgeId: BRIDGE,
        servicePort: 80,
        guestIp: LOOPBACK,
        guestPort: localPort(fd),
        upstreamIp: LOOPBACK,
        upstreamPort: upstream.port,
        bytesToUpstream: 4,
        bytesToGuest: 0,
        durationMs: expect.any(Number),
        connectMs: expect.any(Number),
        outcome: 'open',
      },
    ]);
    close(fd);
    close(server);
    bench.until('the end', () => bench.records[0]);
    bench.plane.onMessage({ type: 'list', id: 4 });
    expect([...readRecords(bench.said('listed').relays)]).toEqual([]);
  });

  test('to a port without an endpoint is reset and recorded', () => {
    bench.serve(route(upstream.port));
    bench.show({ 81: listening.fd });
    const fd = guest();
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]).toMatchObject({
      servicePort: 81,
      outcome: 'no-endpoint',
      upstreamPort: 0,
      connectMs: -1,
    });
    expect(endOf(fd)).toBe(-Errno.ECONNRESET);
    close(fd);
  });

  test('whose upstream refuses is reset and recorded', () => {
    const closed = listenLocal();
    close(closed.fd);
    serve();
    bench.route(route(closed.port));
    const fd = guest();
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]).toMatchObject({
      outcome: 'upstream-refused',
      upstreamPort: closed.port,
      connectMs: -1,
    });
    expect(endOf(fd)).toBe(-Errno.ECONNRESET);
    close(fd);
  });

  test('whose upstream can not be reached from here is reset and recorded', () => {
    serve();
    bench.route(route(80, { ip: 0xffffffff }));
    const fd = guest();
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]?.outcome).toBe('upstream-unreachable');
    expect(endOf(fd)).toBe(-Errno.ECONNRESET);
    close(fd);
  });

  test('goes where its port leads by the time it comes; living relays stay where they are', () => {
    const other = listenLocal();
    serve();
    const first = guest();
    const old = bench.until('the first', () => acceptNow(upstream.fd));
    bench.route(route(other.port));
    const second = guest();
    const fresh = bench.until('the second', () => acceptNow(other.fd));
    for (const [at, from] of [
      [old, first],
      [fresh, second],
    ] as const) {
      sendBytes(from, Buffer.from('x'));
      expect(bench.until('x', () => textAt(at))).toBe('x');
    }
    for (const fd of [first, second, old, fresh, other.fd]) close(fd);
  });

  test('for whose upstream there is no descriptor is reset, and the next one is served', () => {
    serve();
    const fd = guest();
    withFewDescriptors(1, () => bench.turn());
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]?.outcome).toBe('out-of-descriptors');
    expect(endOf(fd)).toBe(-Errno.ECONNRESET);
    const next = guest();
    close(bench.until('the next', () => acceptNow(upstream.fd)));
    close(fd);
    close(next);
  });

  test('for which there is no descriptor at all waits, without effort, and is served once there is one', () => {
    serve();
    const fd = guest();
    withFewDescriptors(0, () => {
      bench.turn();
      const end = performance.now() + 400;
      bench.reactor.onTick((now) => {
        if (now > end) bench.reactor.stop();
        return false;
      });
      const busy = process.cpuUsage();
      bench.reactor.run();
      const { user, system } = process.cpuUsage(busy);
      expect((user + system) / 1000).toBeLessThan(200);
    });
    expect(bench.records).toEqual([]);
    const server = bench.until('the relay', () => acceptNow(upstream.fd));
    sendBytes(fd, Buffer.from('patient'));
    expect(bench.until('what it said', () => textAt(server))).toBe('patient');
    close(fd);
    close(server);
  });
});

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
    serve();
    const descriptors = openDescriptors();
    refuse(1, after);
    const fd = guest();
    bench.until('the record', () => bench.records[0]);
    expect(bench.records[0]?.outcome).toBe('error');
    const dialled = bench.until('what was dialled', () => acceptNow(upstream.fd));
    close(dialled);
    expect(endOf(fd)).toBe(-Errno.ECONNRESET);
    close(fd);
    expect(openDescriptors()).toBe(descriptors);
    expect(bench.count().relays).toBe(0);
  });

  test('a listener is turned away and the next one let in', () => {
    bench.serve();
    refuse(1);
    const fd = seqpacketConnect(bench.path);
    bench.turn();
    expect(receiveMessage(fd, [])).toBe(0);
    close(fd);
    expect(bench.session().id).toBeGreaterThan(0);
  });

  test('a listener whose socket is refused is cut off, and the socket is not kept', () => {
    bench.serve(route(upstream.port));
    const session = bench.session();
    const descriptors = openDescriptors();
    refuse(1);
    const body = { ports: [80], sockets: [80], more: false, failures: [] };
    sendMessage(session.fd, writeJson(MessageType.listening, body), [listening.fd]);
    expect(bench.said('gone').reason).toContain('ENOSPC');
    expect(openDescriptors()).toBe(descriptors - 1);
    close(session.fd);
  });
});

describe('a bridge that is withdrawn', () => {
  test('takes nothing more, its listener is cut off, its living relays go on and are counted', () => {
    const session = serve();
    const fd = guest();
    const server = bench.until('the relay', () => acceptNow(upstream.fd));
    bench.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
    expect(bench.said('gone')).toMatchObject({
      session: session.id,
      bridgeId: BRIDGE,
      reason: 'bridge withdrawn',
    });
    expect(receiveMessage(session.fd, [])).toBe(0);
    expect(seqpacketConnect(bench.path)).toBe(-Errno.ECONNREFUSED);
    sendBytes(server, Buffer.from('alive'));
    expect(bench.until('alive', () => textAt(fd))).toBe('alive');
    expect(bench.count().relays).toBe(1);
    expect(bench.posted.filter(({ type }) => type === 'forgotten')).toEqual([]);
    for (const each of [fd, server, session.fd]) close(each);
    expect(bench.said('forgotten')).toEqual({ type: 'forgotten', bridgeId: BRIDGE });
    // Its name is needed for what is told of it.
    expect(bench.records).toHaveLength(1);
    expect(bench.count()).toEqual({ relays: 0, bridges: [] });
    expect(openDescriptors()).toBe(before);
  });

  test('leaves the descriptors that were kept for it to the others', () => {
    const [own, others] = [1 + 3, 200 + 3];
    const room = 20;
    bench = new DataPlaneBench(directory, { descriptorLimit: 1024 + own + 2 * room });
    const fd = seqpacketListen(join(directory, 'other'), 16);
    bench.plane.onMessage({ type: 'serve', bridge: 'br1', bridgeId: 99, fd });
    const routes = Array.from({ length: others - 3 }, (_, i) => route(1, { servicePort: i + 1 }));
    bench.plane.onMessage({ type: 'routes', bridgeId: 99, routes });
    serve();
    const guests = Array.from({ length: room - 1 }, guest);
    for (let i = 0; i < 20; i++) bench.turn();
    expect(bench.count().relays).toBeLessThan(17);
    bench.plane.onMessage({ type: 'withdraw', bridgeId: 99 });
    bench.until('all of them', () => (bench.count().relays === guests.length ? true : undefined));
    for (const each of guests) close(each);
  });

  test('leaves those that wait in the kernel to the next forwarder, which gets them with what they said', () => {
    serve();
    const fd = guest();
    sendBytes(fd, Buffer.from('first'));
    bench.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
    // Twice is no more than once.
    bench.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
    for (let i = 0; i < 5; i++) bench.turn();
    expect(acceptNow(upstream.fd)).toBeUndefined();
    bench = new DataPlaneBench(directory);
    serve();
    const server = bench.until('the relay', () => acceptNow(upstream.fd));
    expect(bench.until('what it said', () => textAt(server))).toBe('first');
    close(fd);
    close(server);
  });
});

describe('listeners of a bridge', () => {
  test('are a few at a time: whoever stays silent makes room for others', () => {
    bench.serve(route(upstream.port));
    const trusted = bench.session();
    const silent = Array.from({ length: 40 }, () => {
      const fd = seqpacketConnect(bench.path);
      bench.turn();
      return fd;
    });
    const isKept = (fd: number): boolean => receiveMessage(fd, []) === -Errno.EAGAIN;
    bench.until('hung up', () => silent.filter(isKept).length === 15 || undefined);
    expect(silent.filter(isKept)).toEqual(silent.slice(-15));
    expect(isKept(trusted.fd)).toBe(true);
    const successor = bench.session();
    expect(isKept(successor.fd)).toBe(true);
    for (const fd of [trusted.fd, successor.fd, ...silent]) close(fd);
  });

  test('are met on another socket from now on, and go on as they were', () => {
    const session = serve();
    const path = join(directory, 'another');
    const fd = seqpacketListen(path, 16);
    bench.plane.onMessage({ type: 'serve', bridge: 'br0', bridgeId: BRIDGE, fd });
    expect(seqpacketConnect(bench.path)).toBe(-Errno.ECONNREFUSED);
    const other = seqpacketConnect(path);
    sendMessage(other, writeJson(MessageType.hello, { bridge: 'br0' }));
    expect(bench.said('hello').bridgeId).toBe(BRIDGE);
    const guestFd = guest();
    close(bench.until('the upstream connection', () => acceptNow(upstream.fd)));
    for (const each of [guestFd, other, session.fd]) close(each);
  });

  test('wait while the kernel watches no more descriptors', () => {
    const add = vi.spyOn(bench.reactor, 'add').mockImplementationOnce(() => {
      throw new SyscallError('epoll_ctl', 28, 'ENOSPC');
    });
    bench.serve(route(upstream.port));
    expect(add).toHaveBeenCalledTimes(1);
    const session = bench.session();
    expect(session.fd).toBeGreaterThan(0);
    close(session.fd);
  });
});

describe('draining', () => {
  test('is told at once without relays', () => {
    bench.plane.onMessage({ type: 'drain' });
    expect(bench.posted).toEqual([{ type: 'drained' }]);
  });

  test('is told with the end of the last relay, its record before it', () => {
    serve();
    const guests = [guest(), guest()];
    const servers = guests.map(() => bench.until('a relay', () => acceptNow(upstream.fd)));
    bench.posted.length = 0;
    bench.plane.onMessage({ type: 'drain' });
    for (const fd of servers) close(fd);
    for (const [i, fd] of guests.entries()) {
      bench.turn();
      expect(bench.posted.map(({ type }) => type)).not.toContain('drained');
      shutdownWrite(fd);
      if (i === 0) bench.until('the first end', () => (bench.count().relays === 1 ? true : undefined));
    }
    bench.said('drained');
    expect(bench.records).toHaveLength(2);
    for (const fd of guests) close(fd);
  });

  test('cut ends all relays at once', () => {
    serve();
    const guests = Array.from({ length: 20 }, guest);
    bench.until('the relays', () => (bench.count().relays === 20 ? true : undefined));
    bench.plane.onMessage({ type: 'cut' });
    expect(bench.count().relays).toBe(0);
    bench.plane.flush();
    expect(bench.records.map(({ outcome }) => outcome)).toEqual(new Array(20).fill('cut'));
    for (const fd of guests) expect(endOf(fd)).toBe(-Errno.ECONNRESET);
    for (const fd of guests) close(fd);
  });
});

describe('bridge sockets', () => {
  test('without a descriptor for a listener that connects nothing spins, and it is let in later', () => {
    bench.serve();
    const fd = seqpacketConnect(bench.path);
    sendMessage(fd, writeJson(MessageType.hello, { bridge: 'br0' }));
    withFewDescriptors(0, () => {
      bench.turn();
      const end = performance.now() + 400;
      bench.reactor.onTick((now) => {
        if (now > end) bench.reactor.stop();
        return false;
      });
      const busy = process.cpuUsage();
      bench.reactor.run();
      const { user, system } = process.cpuUsage(busy);
      expect((user + system) / 1000).toBeLessThan(200);
    });
    expect(bench.posted).toEqual([]);
    bench.said('hello');
    close(fd);
  });

  test('bring several listeners, each told by its own number', () => {
    bench.serve();
    const sessions = [bench.session(), bench.session(), bench.session()];
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(3);
    bench.plane.onMessage({ type: 'drop', session: sessions[1]?.id ?? 0 });
    expect(bench.said('gone').session).toBe(sessions[1]?.id);
    bench.plane.onMessage({ type: 'ping', session: sessions[2]?.id ?? 0 });
    expect(receiveMessage(sessions[0]?.fd ?? -1, [])).toBe(-Errno.EAGAIN);
    expect(receiveMessage(sessions[2]?.fd ?? -1, [])).toBe(4);
    sendMessage(sessions[2]?.fd ?? -1, writeBare(MessageType.pong));
    expect(bench.said('pong').session).toBe(sessions[2]?.id);
    for (const { fd } of sessions) close(fd);
  });

  test('messages for what is gone are ignored', () => {
    for (const type of ['exit', 'drop', 'ping'] as const) bench.plane.onMessage({ type, session: 99 });
    for (const type of ['withdraw', 'forget-sockets'] as const) bench.plane.onMessage({ type, bridgeId: 99 });
    bench.plane.onMessage({ type: 'routes', bridgeId: 99, routes: [] });
    bench.plane.onMessage({
      type: 'configure',
      session: 99,
      body: { ports: [], logLevel: 2 },
      netns: 1,
    });
    expect(bench.posted).toEqual([]);
  });
});

test('changed limits hold for connections that come afterwards', () => {
  serve();
  bench.plane.onMessage({ type: 'settings', settings: settings({ connectMs: 150 }) });
  const full = listenLocal(0);
  const fillers = Array.from({ length: 4 }, () => dial(full.port));
  const filled = performance.now() + 50;
  bench.until('a full queue', () => (performance.now() > filled ? true : undefined));
  bench.route(route(full.port));
  const fd = guest();
  const record = bench.until('the record', () => bench.records[0], 2000);
  expect(record.outcome).toBe('connect-timeout');
  for (const each of [...fillers, full.fd, fd]) close(each);
});
