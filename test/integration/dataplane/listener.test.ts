import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MessageType, writeBare, writeJson } from '../../../src/dataplane/handover.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { localPort, parseIpv4, tcpListen } from '../../../src/linux/socket.ts';
import { SERVICE_ADDRESS } from '../../../src/model/names.ts';
import { receiveBytes, receiveText, sendBytes } from '../../unit/linux/endpoints.ts';
import { until } from '../linux/waiting.ts';
import { descriptorsOf, fate, listenerScene, processorMs } from './listener-scene.ts';

const { crowd, guest, hangUp, inside, introduced, keep, nextLink, serving, startListener } = listenerScene();

describe('with a forwarder', () => {
  test('it introduces itself, is told its ports, opens them and sends copies of their sockets', async () => {
    startListener();
    const link = await nextLink();
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
      expect(arrival).toMatchObject({ guestIp: parseIpv4(SERVICE_ADDRESS), guestPort: localPort(fd) });
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
    const { link } = await serving([80]);
    const before = descriptorsOf(link.peer.pid);
    for (let burst = 0; burst < 20; burst++) {
      const guests = crowd(80, 250);
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
      hangUp(guests);
    }
    await until('all copies to be closed', () =>
      descriptorsOf(link.peer.pid) === before ? true : undefined,
    );
  });

  test('that takes nothing, it stops accepting, waits without effort, and goes on', async () => {
    const { link } = await serving([80]);
    const before = descriptorsOf(link.peer.pid);
    const guests = crowd(80, 900);
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
    crowd(80, 120);
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
    const stranger = inside(() => tcpListen(parseIpv4(SERVICE_ADDRESS), 81, 4, 0));
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
    for (const fd of kept.values()) keep(fd);
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
