import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MessageType, writeBare, writeJson } from '../../../src/dataplane/handover.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { outgoing } from '../../../src/linux/message.ts';
import { localPort, parseIpv4, socketError, tcpListen } from '../../../src/linux/socket.ts';
import { SERVICE_ADDRESS } from '../../../src/model/names.ts';
import type { Program } from '../../support/program.ts';
import { Sandbox } from '../../support/sandbox.ts';
import {
  dial,
  inNetns,
  receiveBytes,
  receiveEnd,
  receiveText,
  sendBytes,
} from '../../unit/linux/endpoints.ts';
import { type Bundle, bundle } from '../linux/bundle.ts';
import { netnsOf, until } from '../linux/waiting.ts';
import { FakeForwarder, type ForwarderLink } from './fake-forwarder.ts';

const ADDRESS = parseIpv4(SERVICE_ADDRESS);

let box: Sandbox;
let program: Bundle;
let netns = '';
let path = '';
let number = 0;
let forwarder: FakeForwarder;
const forwarders: FakeForwarder[] = [];
const listeners: Program[] = [];
const sockets: number[] = [];

beforeAll(async () => {
  [box, program] = await Promise.all([
    Sandbox.create(),
    bundle(new URL('../../../src/daemon/listener-main.ts', import.meta.url)),
  ]);
  netns = netnsOf(box);
  await box.sh(`ip address add ${SERVICE_ADDRESS}/32 dev lo`);
});
afterAll(async () => {
  await box.close();
  program.remove();
});
beforeEach(() => {
  number += 1;
  path = join(program.directory, `br${number}`);
  forwarder = startForwarder();
});
afterEach(async () => {
  for (const each of listeners) each.kill('SIGKILL');
  await Promise.all(listeners.splice(0).map((each) => each.exited));
  for (const each of forwarders.splice(0)) each.die();
  for (const fd of sockets.splice(0)) close(fd);
});

function startForwarder(): FakeForwarder {
  const started = new FakeForwarder(path);
  forwarders.push(started);
  return started;
}

/** The forwarder is killed and another one takes its place. */
function succeed(): FakeForwarder {
  kill();
  return startForwarder();
}

function kill(): void {
  forwarders.splice(forwarders.indexOf(forwarder), 1);
  forwarder.die();
}

function startListener(limits = ''): Program {
  const listener = box.spawn(
    ['bash', '-c', `${limits}\nexec ${process.execPath} --max-semi-space-size=1 ${program.file}`],
    { env: { ONE_TPROXY_ROLE: 'one_tproxy_br', ONE_TPROXY_BRIDGE: 'br0', ONE_TPROXY_SOCKET: path } },
  );
  listeners.push(listener);
  return listener;
}

/** A listener that serves `ports`. */
async function serving(
  ports: readonly number[],
  limits = '',
): Promise<{ listener: Program; link: ForwarderLink; fds: readonly number[] }> {
  const listener = startListener(limits);
  const link = await introduced();
  const { body, fds } = await link.configure(ports);
  expect(body).toEqual({ ports, sockets: ports, failures: [] });
  return { listener, link, fds };
}

/** The next link, its hello heard. */
async function introduced(): Promise<ForwarderLink> {
  const link = await forwarder.link();
  await link.hear('hello');
  return link;
}

/** A guest that dials a service port, inside the netns. */
function guest(port: number): number {
  const fd = inNetns(netns, () => dial(port, false, ADDRESS));
  sockets.push(fd);
  return fd;
}

/** Whether a guest's connection is there (`'open'`), or the errno that it got. */
async function fate(fd: number): Promise<'open' | number> {
  return until('an answer for the guest', () => {
    const error = socketError(fd);
    if (error !== 0) return error;
    return sendBytes(fd, Buffer.from('?')) === 1 ? 'open' : undefined;
  });
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Processor time of a process so far, in milliseconds. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

describe('with a forwarder', () => {
  test('it introduces itself, is told its ports, opens them and sends copies of their sockets', async () => {
    startListener();
    const link = await forwarder.link();
    const hello = await link.hear('hello');
    expect(hello).toEqual({ type: 'hello', body: { bridge: 'br0', ports: [] }, fds: [] });
    expect(readFileSync(`/proc/${link.peer.pid}/comm`, 'utf8')).toBe('one_tproxy_br\n');
    const listening = await link.configure([80, 5030]);
    expect(listening.body).toEqual({ ports: [80, 5030], sockets: [80, 5030], failures: [] });
    expect(listening.fds.map(localPort)).toEqual([80, 5030]);
  });

  test('it hands over what guests dial, with who they are, as sockets that work', async () => {
    const { link } = await serving([80, 81]);
    const guests = [guest(80), guest(81)];
    const arrivals = await link.connections(2);
    expect(arrivals.map(({ servicePort }) => servicePort).sort()).toEqual([80, 81]);
    for (const arrival of arrivals) {
      const fd = guests[arrival.servicePort - 80] ?? -1;
      expect(arrival).toMatchObject({ guestIp: ADDRESS, guestPort: localPort(fd) });
      sendBytes(fd, Buffer.from('question'));
      expect(receiveText(arrival.fd, 8)).toBe('question');
      sendBytes(arrival.fd, Buffer.from('answer'));
      expect(receiveText(fd, 6)).toBe('answer');
    }
  });

  test('it closes its copy once taken: the end of the connection is in the hands of the forwarder', async () => {
    const { listener, link } = await serving([80]);
    const before = descriptorsOf(link.peer.pid);
    const fd = guest(80);
    const [arrival] = await link.connections(1);
    expect(descriptorsOf(link.peer.pid)).toBe(before + 1);
    link.taken(1);
    link.drop(arrival?.fd ?? -1);
    expect(await until('the end', () => (receiveBytes(fd) === 0 ? 'clean' : undefined))).toBe('clean');
    await until('the copy to be closed', () => (descriptorsOf(link.peer.pid) === before ? true : undefined));
    expect(listener.status).toBeUndefined();
  });

  test('it answers a ping', async () => {
    const { link } = await serving([80]);
    link.say(writeBare(MessageType.ping));
    await link.hear('pong');
  });

  test('it ends when told to', async () => {
    const { listener, link } = await serving([80]);
    link.say(writeBare(MessageType.exit));
    expect(await listener.end(5000)).toBe(0);
  });

  test('5 000 connections in bursts of 250 are handed over in order of each guest, and nothing is left open', async () => {
    await box.sh(`echo 8192 > /proc/sys/net/core/somaxconn; echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets`);
    const { link } = await serving([80]);
    const before = descriptorsOf(link.peer.pid);
    for (let burst = 0; burst < 20; burst++) {
      const guests = inNetns(netns, () => Array.from({ length: 250 }, () => dial(80, false, ADDRESS)));
      const wanted = guests.map(localPort);
      const seen: number[] = [];
      while (seen.length < 250) {
        const { arrivals } = await link.hear('connections');
        expect(arrivals.length).toBeLessThanOrEqual(64);
        link.taken(arrivals.length);
        seen.push(...arrivals.map(({ guestPort }) => guestPort));
        link.drop(...arrivals.map(({ fd }) => fd));
      }
      expect(seen).toEqual(wanted);
      for (const fd of guests) close(fd);
    }
    await until('all copies to be closed', () =>
      descriptorsOf(link.peer.pid) === before ? true : undefined,
    );
  });

  test('that takes nothing, it stops accepting, waits without effort, and goes on', async () => {
    const { link } = await serving([80]);
    const before = descriptorsOf(link.peer.pid);
    const guests = inNetns(netns, () => Array.from({ length: 900 }, () => dial(80, false, ADDRESS)));
    sockets.push(...guests);
    await until('the limit', () => (descriptorsOf(link.peer.pid) - before >= 512 ? true : undefined));
    await sleep(100);
    expect(descriptorsOf(link.peer.pid) - before).toBeLessThan(512 + 64);
    const busy = processorMs(link.peer.pid);
    await sleep(300);
    expect(processorMs(link.peer.pid) - busy).toBeLessThan(100);
    // None of those that wait was refused.
    expect(await fate(guests[899] ?? -1)).toBe('open');
    let taken = 0;
    while (taken < 900) {
      const { arrivals } = await link.hear('connections');
      link.taken(arrivals.length);
      taken += arrivals.length;
    }
    expect(taken).toBe(900);
  });

  test('it goes on when it has run out of descriptors', async () => {
    const { link } = await serving([80], 'ulimit -n 60');
    const guests = inNetns(netns, () => Array.from({ length: 120 }, () => dial(80, false, ADDRESS)));
    sockets.push(...guests);
    const first = await link.connections(10);
    await sleep(250);
    link.taken(first.length);
    let taken = first.length;
    while (taken < 120) {
      const { arrivals } = await link.hear('connections');
      link.taken(arrivals.length);
      taken += arrivals.length;
    }
    expect(taken).toBe(120);
  });
});

describe('changed ports', () => {
  test('those no longer wanted refuse once the forwarder lets go of them too, others stay as they are', async () => {
    const { link, fds } = await serving([80, 81]);
    const answer = await link.configure([81, 82]);
    expect(answer.body).toEqual({ ports: [81, 82], sockets: [82], failures: [] });
    expect(answer.fds.map(localPort)).toEqual([82]);
    link.drop(fds[0] ?? -1);
    expect(await fate(guest(80))).toBe(Errno.ECONNREFUSED);
    guest(81);
    guest(82);
    expect((await link.connections(2)).map(({ servicePort }) => servicePort).sort()).toEqual([81, 82]);
  });

  test('no ports at all, and again some', async () => {
    const { link, fds } = await serving([80]);
    expect((await link.configure([])).body).toEqual({ ports: [], sockets: [], failures: [] });
    link.drop(...fds);
    expect(await fate(guest(80))).toBe(Errno.ECONNREFUSED);
    expect((await link.configure([80])).body).toEqual({ ports: [80], sockets: [80], failures: [] });
  });

  test('a port in use is reported, the others work, and it is opened once it is free', async () => {
    const stranger = inNetns(netns, () => tcpListen(ADDRESS, 81, 4, 0));
    startListener();
    const link = await introduced();
    const { body } = await link.configure([80, 81, 82]);
    expect(body).toEqual({
      ports: [80, 82],
      sockets: [80, 82],
      failures: [{ port: 81, reason: 'bind (169.254.16.9:81): EADDRINUSE' }],
    });
    guest(82);
    expect((await link.connections(1))[0]?.servicePort).toBe(82);
    close(stranger);
    const again = await link.configure([80, 81, 82]);
    expect(again.body).toEqual({ ports: [80, 82, 81], sockets: [81], failures: [] });
    guest(81);
    expect((await link.connections(1))[0]?.servicePort).toBe(81);
  });

  test('sockets kept from an earlier listener are used, with the guests that wait in them', async () => {
    const { listener, link } = await serving([80, 81]);
    const { body, fds } = await link.configure([80, 81, 82]);
    expect(body.sockets).toEqual([82]);
    const kept = new Map([[82, link.keep(fds[0] ?? -1)]]);
    sockets.push(...kept.values());
    listener.kill('SIGKILL');
    await link.hear('end');
    // Nobody accepts, nobody is refused.
    const waiting = guest(82);
    expect(await fate(waiting)).toBe('open');
    startListener();
    const next = await introduced();
    const answer = await next.configure([82], kept);
    expect(answer.body).toEqual({ ports: [82], sockets: [], failures: [] });
    const [arrival] = await next.connections(1);
    expect(arrival).toMatchObject({ servicePort: 82, guestPort: localPort(waiting) });
    expect(receiveText(arrival?.fd ?? -1, 1)).toBe('?');
  });

  test('a kept socket of a port that is open already is closed', async () => {
    const { link } = await serving([80]);
    const { fds } = await link.configure([80, 81]);
    const before = descriptorsOf(link.peer.pid);
    const answer = await link.configure([80, 81], new Map([[81, fds[0] ?? -1]]));
    expect(answer.body).toEqual({ ports: [80, 81], sockets: [], failures: [] });
    expect(descriptorsOf(link.peer.pid)).toBe(before);
  });

  test('what a malformed message brings is closed', async () => {
    const { link } = await serving([80]);
    const before = descriptorsOf(link.peer.pid);
    const { pid } = link.peer;
    const [socket = -1] = (await link.configure([80, 81])).fds;
    link.say(writeJson(MessageType.configure, { ports: [0], sockets: [], keepaliveS: 1, logLevel: 2 }), [
      socket,
      socket,
      socket,
    ]);
    await link.hear('end');
    const next = await introduced();
    expect(next.peer.pid).toBe(pid);
    expect(descriptorsOf(pid)).toBe(before + 1);
  });
});

describe('without a forwarder', () => {
  test('nothing is accepted and nobody is refused; the next one gets those that waited', async () => {
    const { link } = await serving([80]);
    const { pid } = link.peer;
    const before = descriptorsOf(pid);
    kill();
    await until('the link to be closed', () => (descriptorsOf(pid) < before ? true : undefined));
    const alone = descriptorsOf(pid);
    const guests = Array.from({ length: 20 }, () => guest(80));
    for (const fd of guests) expect(await fate(fd)).toBe('open');
    const busy = processorMs(pid);
    await sleep(400);
    // It may just be trying to reach one.
    expect(descriptorsOf(pid)).toBeLessThanOrEqual(alone + 1);
    expect(processorMs(pid) - busy).toBeLessThan(100);
    const begin = performance.now();
    forwarder = startForwarder();
    const next = await forwarder.link();
    expect(performance.now() - begin).toBeLessThan(500);
    const hello = await next.hear('hello');
    expect(hello.body).toEqual({ bridge: 'br0', ports: [80] });
    expect(hello.fds.map(localPort)).toEqual([80]);
    // Not before it is told its ports.
    await next.silence(50);
    await next.configure([80]);
    const arrivals = await next.connections(20);
    expect(arrivals.map(({ guestPort }) => guestPort)).toEqual(guests.map(localPort));
  });

  test('at its start it waits for one', async () => {
    kill();
    const listener = startListener();
    await sleep(500);
    expect(listener.status).toBeUndefined();
    forwarder = startForwarder();
    const link = await introduced();
    expect((await link.configure([80])).body.ports).toEqual([80]);
  });

  test('that makes sense, it tries again', async () => {
    const { link } = await serving([80]);
    const { pid } = link.peer;
    let current = link;
    for (const nonsense of [
      () => writeBare(99 as MessageType),
      () => writeBare(MessageType.hello),
      () => writeBare(MessageType.configure),
      () => inVersion(77),
      () => 2,
    ]) {
      current.say(nonsense());
      await current.hear('end');
      current = await introduced();
    }
    expect(current.peer.pid).toBe(pid);
    await current.configure([80]);
    guest(80);
    await current.connections(1);
  });

  function inVersion(version: number): number {
    const length = writeBare(MessageType.pause);
    outgoing.view.setUint8(1, version);
    return length;
  }
});

describe('a forwarder that vanishes', () => {
  test('without having taken connections: the next one gets them, in order, with what the guests had said', async () => {
    const { link } = await serving([80]);
    const guests: number[] = [];
    for (let i = 0; i < 5; i++) {
      guests.push(guest(80));
      await fate(guests[i] ?? -1);
    }
    await link.connections(5);
    forwarder = succeed();
    const next = await introduced();
    await next.configure([80]);
    const arrivals = await next.connections(5);
    expect(arrivals.map(({ guestPort }) => guestPort)).toEqual(guests.map(localPort));
    for (const { fd } of arrivals) expect(receiveText(fd, 1)).toBe('?');
  });

  test('with some taken: those end with it, the others go to the next one', async () => {
    const { link } = await serving([80]);
    const guests: number[] = [];
    for (let i = 0; i < 6; i++) {
      guests.push(guest(80));
      await link.connections(1);
    }
    link.taken(2);
    link.taken(1);
    link.say(writeBare(MessageType.ping));
    await link.hear('pong');
    forwarder = succeed();
    const next = await introduced();
    await next.configure([80]);
    const arrivals = await next.connections(3);
    expect(arrivals.map(({ guestPort }) => guestPort)).toEqual(guests.slice(3).map(localPort));
    await next.silence(100);
    for (const fd of guests.slice(0, 3)) expect(receiveEnd(fd)).toBe(0);
  });

  test('having taken some, while messages of the listener are unread: they are not handed over again', async () => {
    const { listener, link } = await serving([80]);
    const guests = [guest(80)];
    await link.connections(1);
    // The listener can not look while it is stopped: it finds `Taken`, and that the forwarder died with a message unread.
    guests.push(guest(80));
    await sleep(100);
    listener.kill('SIGSTOP');
    await sleep(20);
    link.taken(1);
    forwarder = succeed();
    listener.kill('SIGCONT');
    const next = await introduced();
    await next.configure([80]);
    expect((await next.connections(1))[0]?.guestPort).toBe(localPort(guests[1] ?? -1));
    await next.silence(100);
    expect(receiveEnd(guests[0] ?? -1)).toBe(0);
  });

  test('having taken some, while the listener is about to hand over more: they are not handed over again', async () => {
    const { listener, link } = await serving([80]);
    const guests = [guest(80)];
    await link.connections(1);
    listener.kill('SIGSTOP');
    await sleep(20);
    // In one look it finds a guest to accept and hand over, and a dead forwarder: whichever it does first.
    guests.push(guest(80));
    await fate(guests[1] ?? -1);
    link.taken(1);
    forwarder = succeed();
    listener.kill('SIGCONT');
    const next = await introduced();
    await next.configure([80]);
    expect((await next.connections(1))[0]?.guestPort).toBe(localPort(guests[1] ?? -1));
    await next.silence(100);
    expect(receiveEnd(guests[0] ?? -1)).toBe(0);
  });

  test('thirty times in a row, with guests all the time: everybody is served once', async () => {
    await serving([80]);
    const seen = new Map<number, number>();
    const wanted: number[] = [];
    for (let round = 0; round < 30; round++) {
      forwarder = succeed();
      const burst = Array.from({ length: 7 }, () => guest(80));
      wanted.push(...burst.map(localPort));
      const link = await introduced();
      await link.configure([80]);
      // Takes the first few of what comes, and vanishes with the rest.
      const said = await link.hear('connections');
      link.taken(3);
      for (const { guestPort } of said.arrivals.slice(0, 3))
        seen.set(guestPort, (seen.get(guestPort) ?? 0) + 1);
      expect(said.arrivals.length).toBeGreaterThanOrEqual(3);
    }
    forwarder = succeed();
    const link = await introduced();
    await link.configure([80]);
    for (let missing = wanted.length - seen.size; missing > 0; ) {
      const { arrivals } = await link.hear('connections');
      link.taken(arrivals.length);
      for (const { guestPort } of arrivals) seen.set(guestPort, (seen.get(guestPort) ?? 0) + 1);
      missing -= arrivals.length;
    }
    await link.silence(100);
    expect([...seen.keys()].sort()).toEqual(wanted.sort());
    expect(new Set(seen.values())).toEqual(new Set([1]));
  });
});

describe('pause', () => {
  test('what was accepted is handed over first, nothing follows until it is configured again', async () => {
    const { link } = await serving([80]);
    const early = guest(80);
    const [first] = await link.connections(1);
    expect(first?.guestPort).toBe(localPort(early));
    link.pause();
    // Not paused as long as something is not taken.
    await link.silence(100);
    link.taken(1);
    await link.hear('paused');
    const late = [guest(80), guest(80)];
    for (const fd of late) expect(await fate(fd)).toBe('open');
    await link.silence(150);
    await link.configure([80]);
    expect((await link.connections(2)).map(({ guestPort }) => guestPort)).toEqual(late.map(localPort));
  });

  test('with nothing under way is answered at once, and again when asked again', async () => {
    const { link } = await serving([80]);
    link.pause();
    await link.hear('paused');
    link.pause();
    await link.hear('paused');
  });

  test('another forwarder can take over from there without losing anybody', async () => {
    const { link } = await serving([80]);
    link.pause();
    await link.hear('paused');
    const waiting = guest(80);
    expect(await fate(waiting)).toBe('open');
    forwarder = succeed();
    const next = await introduced();
    await next.configure([80]);
    expect((await next.connections(1))[0]?.guestPort).toBe(localPort(waiting));
  });
});
