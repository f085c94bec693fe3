import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MessageType, writeBare, writeJson } from '../../../src/dataplane/handover.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { listeningSocketFault } from '../../../src/linux/listening-socket-check.ts';
import { tcpListen } from '../../../src/linux/tcp-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import { SERVICE_ADDRESS } from '../../../src/model/names.ts';
import { acceptNow, localPort, receiveText, sendBytes, socketOption } from '../../unit/linux/endpoints.ts';
import { until } from '../linux/waiting.ts';
import { arrivals, descriptorsOf, fate, listenerScene, processorMs } from './listener-scene.ts';

const SOL_TCP = 6;
const TCP_NODELAY = 1;
/** Answers to them don't fit into a socket's queue. */
const PINGS_TOO_MANY = 1000;

const { crowd, guest, hangUp, inside, introduced, keep, nextSession, serving, startListener } =
  listenerScene();

describe('with a forwarder', () => {
  test('it introduces itself, is told its ports, opens them and shows their sockets', async () => {
    startListener();
    const session = await nextSession();
    const hello = await session.hear('hello');
    expect(hello).toEqual({ type: 'hello', body: { bridge: 'br0' }, fds: [] });
    expect(readFileSync(`/proc/${session.peer.pid}/comm`, 'utf8')).toBe('one_tproxy_br\n');
    const listening = await session.configure([80, 5030]);
    expect(listening.body).toEqual({ ports: [80, 5030], sockets: [80, 5030], more: false, failures: [] });
    expect(listening.fds.map(localPort)).toEqual([80, 5030]);
  });

  test('its sockets are what the forwarder demands, and give it the guests', async () => {
    const { session, fds } = await serving([80, 81]);
    const netns = statSync(`/proc/${session.peer.pid}/ns/net`).ino;
    expect(fds.map((fd, i) => listeningSocketFault(fd, 80 + i, netns))).toEqual([undefined, undefined]);
    for (const [i, listening] of fds.entries()) {
      const fd = guest(80 + i);
      const connection = await until('the guest', () => acceptNow(listening));
      keep(connection);
      sendBytes(fd, Buffer.from('question'));
      expect(receiveText(connection, 8)).toBe('question');
      sendBytes(connection, Buffer.from('answer'));
      expect(receiveText(fd, 6)).toBe('answer');
      expect(socketOption(connection, SOL_TCP, TCP_NODELAY)).toBe(1);
    }
  });

  test('it touches no guest itself', async () => {
    const { session } = await serving([80]);
    const before = descriptorsOf(session.peer.pid);
    const busy = processorMs(session.peer.pid);
    const guests = crowd(80, 900);
    expect(await fate(guests[899] ?? -1)).toBe('open');
    await sleep(200);
    expect(descriptorsOf(session.peer.pid)).toBe(before);
    expect(processorMs(session.peer.pid) - busy).toBeLessThan(50);
    await session.silence(50);
  });

  test('it answers a ping', async () => {
    const { session } = await serving([80]);
    session.say(writeBare(MessageType.ping));
    await session.hear('pong');
  });

  test('it ends when told to', async () => {
    const { listener, session } = await serving([80]);
    session.say(writeBare(MessageType.exit));
    expect(await listener.end(5000)).toBe(0);
  });

  test('ports for which it has no descriptor are reported, and opened once there is one', async () => {
    startListener('ulimit -n 60');
    const session = await introduced();
    const ports = Array.from({ length: 60 }, (_, i) => 1000 + i);
    const { body, fds } = await session.configure(ports);
    expect(body.ports.length + body.failures.length).toBe(60);
    expect(body.sockets).toEqual(body.ports);
    expect(body.failures.length).toBeGreaterThan(0);
    expect(new Set(body.failures.map(({ reason }) => reason))).toEqual(new Set(['socket: EMFILE']));
    session.drop(...fds);
    const few = [...ports.slice(0, 2), 1059];
    const again = await session.configure(few);
    expect(again.body).toEqual({ ports: few, sockets: [1059], more: false, failures: [] });
  });

  test('600 ports come over several messages, and so do 600 sockets kept for it', async () => {
    startListener('ulimit -n 4096');
    const session = await introduced();
    const ports = Array.from({ length: 600 }, (_, i) => 1000 + i);
    const { fds } = await session.configureAll(ports);
    expect(fds.map(localPort)).toEqual(ports);
    for (const fd of fds) keep(session.keep(fd));
    session.say(writeBare(MessageType.exit));
    await session.hear('end');
    const waiting = guest(1599);
    expect(await fate(waiting)).toBe('open');
    startListener('ulimit -n 4096');
    const next = await introduced();
    const tell = (from: number, count: number, more: boolean): void => {
      const sockets = ports.slice(from, from + count);
      next.say(
        writeJson(MessageType.configure, { ports, sockets, more, logLevel: 2 }),
        fds.slice(from, from + count),
      );
    };
    tell(0, 250, true);
    tell(250, 250, true);
    await next.silence(50);
    tell(500, 100, false);
    // It has none to show: the forwarder has them all.
    expect((await next.hear('listening')).body).toEqual({ ports, sockets: [], more: false, failures: [] });
    hangUp(fds);
    // Its own copies are there.
    expect(await fate(guest(1000))).toBe('open');
  });

  test('answers that the forwarder has no room for are owed, without effort, and none is lost', async () => {
    const { session } = await serving([80]);
    await session.pings(PINGS_TOO_MANY);
    const busy = processorMs(session.peer.pid);
    await sleep(200);
    expect(processorMs(session.peer.pid) - busy).toBeLessThan(50);
    for (let i = 0; i < PINGS_TOO_MANY; i++) await session.hear('pong');
    await session.silence(50);
    expect((await session.configure([80, 81])).body).toMatchObject({ ports: [80, 81], sockets: [81] });
  });

  test('that asks for something else before it was answered, it begins anew', async () => {
    const { session } = await serving([80]);
    const { pid } = session.peer;
    await session.pings(PINGS_TOO_MANY);
    const body = { ports: [80, 81], sockets: [], more: false, logLevel: 2 };
    session.say(writeJson(MessageType.configure, body));
    const next = await introduced();
    expect(next.peer.pid).toBe(pid);
    expect((await next.configure([80, 82])).body).toEqual({
      ports: [80, 82],
      sockets: [80, 82],
      more: false,
      failures: [],
    });
  });
});

describe('changed ports', () => {
  test('those no longer wanted refuse once the forwarder lets go of them too, others stay as they are', async () => {
    const { session, fds } = await serving([80, 81]);
    const answer = await session.configure([81, 82]);
    expect(answer.body).toEqual({ ports: [81, 82], sockets: [82], more: false, failures: [] });
    expect(answer.fds.map(localPort)).toEqual([82]);
    session.drop(fds[0] ?? -1);
    expect(await fate(guest(80))).toBe(Errno.ECONNREFUSED);
    for (const [port, fd] of [
      [81, fds[1]],
      [82, answer.fds[0]],
    ] as const) {
      const fresh = guest(port);
      expect(await arrivals([fd ?? -1], 1)).toEqual([localPort(fresh)]);
    }
  });

  test('no ports at all, and again some', async () => {
    const { session, fds } = await serving([80]);
    expect((await session.configure([])).body).toEqual({ ports: [], sockets: [], more: false, failures: [] });
    session.drop(...fds);
    expect(await fate(guest(80))).toBe(Errno.ECONNREFUSED);
    expect((await session.configure([80])).body).toEqual({
      ports: [80],
      sockets: [80],
      more: false,
      failures: [],
    });
  });

  test('a port in use is reported, the others work, and it is opened once it is free', async () => {
    const stranger = inside(() => tcpListen(parseIpv4(SERVICE_ADDRESS), 81, 4));
    startListener();
    const session = await introduced();
    const { body, fds } = await session.configure([80, 81, 82]);
    expect(body).toEqual({
      ports: [80, 82],
      sockets: [80, 82],
      more: false,
      failures: [{ port: 81, reason: 'bind (169.254.16.9:81): EADDRINUSE' }],
    });
    const at82 = guest(82);
    expect(await arrivals(fds.slice(1), 1)).toEqual([localPort(at82)]);
    close(stranger);
    const again = await session.configure([80, 81, 82]);
    expect(again.body).toEqual({ ports: [80, 82, 81], sockets: [81], more: false, failures: [] });
    const at81 = guest(81);
    expect(await arrivals(again.fds, 1)).toEqual([localPort(at81)]);
  });

  test('sockets kept from an earlier listener are used, with the guests that wait in them', async () => {
    const { listener, session } = await serving([80, 81]);
    const { body, fds } = await session.configure([80, 81, 82]);
    expect(body.sockets).toEqual([82]);
    const kept = new Map([[82, session.keep(fds[0] ?? -1)]]);
    for (const fd of kept.values()) keep(fd);
    listener.kill('SIGKILL');
    await session.hear('end');
    // Nobody accepts, nobody is refused.
    const waiting = guest(82);
    expect(await fate(waiting)).toBe('open');
    startListener();
    const next = await introduced();
    const answer = await next.configure([82], kept);
    expect(answer.body).toEqual({ ports: [82], sockets: [], more: false, failures: [] });
    const origin = { ip: 0, port: 0 };
    const connection = await until('the guest', () => acceptNow([...kept.values()][0] ?? -1, origin));
    keep(connection);
    expect(origin.port).toBe(localPort(waiting));
    expect(receiveText(connection, 1)).toBe('?');
  });

  test('a kept socket of a port that is open already is closed', async () => {
    const { session } = await serving([80]);
    const { fds } = await session.configure([80, 81]);
    const before = descriptorsOf(session.peer.pid);
    const answer = await session.configure([80, 81], new Map([[81, fds[0] ?? -1]]));
    expect(answer.body).toEqual({ ports: [80, 81], sockets: [], more: false, failures: [] });
    expect(descriptorsOf(session.peer.pid)).toBe(before);
  });

  test('what a malformed message brings is closed', async () => {
    const { session } = await serving([80]);
    const before = descriptorsOf(session.peer.pid);
    const { pid } = session.peer;
    const [socket = -1] = (await session.configure([80, 81])).fds;
    session.say(writeJson(MessageType.configure, { ports: [0], sockets: [], more: false, logLevel: 2 }), [
      socket,
      socket,
      socket,
    ]);
    await session.hear('end');
    const next = await introduced();
    expect(next.peer.pid).toBe(pid);
    expect(descriptorsOf(pid)).toBe(before + 1);
  });
});
