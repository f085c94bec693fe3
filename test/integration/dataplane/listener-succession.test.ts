import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MessageType, writeBare } from '../../../src/dataplane/handover.ts';
import { outgoing } from '../../../src/linux/descriptor-passing.ts';
import { stopwatch } from '../../support/patience.ts';
import { localPort } from '../../unit/linux/endpoints.ts';
import { until } from '../linux/waiting.ts';
import { arrivals, descriptorsOf, fate, listenerScene, processorMs } from './listener-scene.ts';

const { guest, introduced, kill, nextSession, serving, startForwarder, startListener, succeed } =
  listenerScene();

describe('without a forwarder', () => {
  test('nobody is refused, nothing is done; the next one gets the sockets with those that wait in them', async () => {
    const { session } = await serving([80]);
    const { pid } = session.peer;
    const before = descriptorsOf(pid);
    kill();
    await until('the session to be closed', () => (descriptorsOf(pid) < before ? true : undefined));
    const alone = descriptorsOf(pid);
    const guests = Array.from({ length: 20 }, () => guest(80));
    for (const fd of guests) expect(await fate(fd)).toBe('open');
    const busy = processorMs(pid);
    await sleep(400);
    // It may just be trying to reach one.
    expect(descriptorsOf(pid)).toBeLessThanOrEqual(alone + 1);
    expect(processorMs(pid) - busy).toBeLessThan(100);
    const took = stopwatch();
    startForwarder();
    const next = await nextSession();
    expect(took()).toBeLessThan(2000);
    expect((await next.hear('hello')).body).toEqual({ bridge: 'br0' });
    // Not before it is told its ports.
    await next.silence(50);
    const { body, fds } = await next.configure([80]);
    expect(body).toEqual({ ports: [80], sockets: [80], more: false, failures: [] });
    expect(await arrivals(fds, 20)).toEqual(guests.map(localPort));
  });

  test('at its start it waits for one', async () => {
    kill();
    const listener = startListener();
    await sleep(500);
    expect(listener.status).toBeUndefined();
    startForwarder();
    const session = await introduced();
    expect((await session.configure([80])).body.ports).toEqual([80]);
  });

  test('that makes sense, it tries again, with its sockets', async () => {
    const { session } = await serving([80]);
    const { pid } = session.peer;
    const waiting = guest(80);
    expect(await fate(waiting)).toBe('open');
    let current = session;
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
    const { fds } = await current.configure([80]);
    expect(await arrivals(fds, 1)).toEqual([localPort(waiting)]);
  });

  function inVersion(version: number): number {
    const length = writeBare(MessageType.ping);
    outgoing.view.setUint8(1, version);
    return length;
  }
});

test('thirty forwarders in a row, with guests all the time: everybody is there once', async () => {
  let { fds } = await serving([80]);
  const seen: number[] = [];
  const wanted: number[] = [];
  for (let round = 0; round < 30; round++) {
    wanted.push(...Array.from({ length: 7 }, () => localPort(guest(80))));
    // Takes the first few of those that wait, and is killed.
    seen.push(...(await arrivals(fds, 3)));
    succeed();
    const session = await introduced();
    ({ fds } = await session.configure([80]));
  }
  seen.push(...(await arrivals(fds, wanted.length - seen.length)));
  expect(seen).toEqual(wanted);
});

test('a forwarder that is killed in the middle of a long list of sockets: the next one gets all of them', async () => {
  const listener = startListener('ulimit -n 4096');
  const session = await introduced();
  const ports = Array.from({ length: 600 }, (_, i) => 1000 + i);
  const first = await session.configure(ports);
  expect(first.body).toMatchObject({ more: true });
  expect(first.fds).toHaveLength(250);
  succeed();
  const next = await introduced();
  const { ports: open, fds } = await next.configureAll(ports);
  expect(open).toEqual(ports);
  expect(fds.map(localPort)).toEqual(ports);
  expect(listener.status).toBeUndefined();
});
