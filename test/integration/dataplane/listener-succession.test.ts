import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MessageType, writeBare } from '../../../src/dataplane/handover.ts';
import { outgoing } from '../../../src/linux/message.ts';
import { localPort } from '../../../src/linux/socket.ts';
import { receiveEnd, receiveText } from '../../unit/linux/endpoints.ts';
import { until } from '../linux/waiting.ts';
import { descriptorsOf, fate, listenerScene, processorMs } from './listener-scene.ts';

const { guest, introduced, kill, nextLink, serving, startForwarder, startListener, succeed } =
  listenerScene();

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
    startForwarder();
    const next = await nextLink();
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
    startForwarder();
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
    succeed();
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
    succeed();
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
    succeed();
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
    succeed();
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
      succeed();
      const burst = Array.from({ length: 7 }, () => guest(80));
      wanted.push(...burst.map(localPort));
      const link = await introduced();
      await link.configure([80]);
      // Takes the first few of what comes, and vanishes with the rest.
      const arrivals: { readonly guestPort: number }[] = [];
      while (arrivals.length < 3) arrivals.push(...(await link.hear('connections')).arrivals);
      link.taken(3);
      for (const { guestPort } of arrivals.slice(0, 3)) seen.set(guestPort, (seen.get(guestPort) ?? 0) + 1);
    }
    succeed();
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
    succeed();
    const next = await introduced();
    await next.configure([80]);
    expect((await next.connections(1))[0]?.guestPort).toBe(localPort(waiting));
  });
});
