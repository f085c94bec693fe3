import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { close } from '../../../src/linux/descriptor.ts';
import { accept, socketError } from '../../../src/linux/tcp-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import { SERVICE_ADDRESS } from '../../../src/model/names.ts';
import type { Program } from '../../support/program.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { dial, inNetns, sendBytes } from '../../unit/linux/endpoints.ts';
import { type Bundle, bundle } from '../linux/bundle.ts';
import { netnsOf, until } from '../linux/waiting.ts';
import { FakeForwarder, type ForwarderSession } from './fake-forwarder.ts';

const ADDRESS = parseIpv4(SERVICE_ADDRESS);

interface Serving {
  readonly listener: Program;
  readonly session: ForwarderSession;
  /** Copies of its listening sockets. */
  readonly fds: readonly number[];
}

/**
 * Real listeners in a network namespace of their own, for the tests of the file that calls this: the forwarder and the
 * guests are the test's. Each test begins with a forwarder and no listener.
 */
export function listenerScene() {
  let box: Sandbox;
  let program: Bundle;
  let netns = '';
  let path = '';
  let number = 0;
  let forwarder: FakeForwarder | undefined;
  const listeners: Program[] = [];
  const sockets = new Set<number>();

  beforeAll(async () => {
    [box, program] = await Promise.all([
      Sandbox.create(),
      bundle(new URL('../../../src/listener/main.ts', import.meta.url)),
    ]);
    netns = netnsOf(box);
    await box.sh(`
      ip address add ${SERVICE_ADDRESS}/32 dev lo
      echo 8192 > /proc/sys/net/core/somaxconn
      echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets
    `);
  });
  afterAll(async () => {
    await box.close();
    program.remove();
  });
  beforeEach(() => {
    number += 1;
    path = join(program.directory, `br${number}`);
    startForwarder();
  });
  afterEach(async () => {
    for (const each of listeners) each.kill('SIGKILL');
    await Promise.all(listeners.splice(0).map((each) => each.exited));
    kill();
    hangUp([...sockets]);
  });

  function startForwarder(): void {
    forwarder = new FakeForwarder(path);
  }

  /** The forwarder is killed. */
  function kill(): void {
    forwarder?.die();
    forwarder = undefined;
  }

  /** The forwarder is killed and another one takes its place. */
  function succeed(): void {
    kill();
    startForwarder();
  }

  /** `limits`: commands of the shell that becomes the listener. */
  function startListener(limits = ''): Program {
    const listener = box.spawn(
      ['bash', '-c', `${limits}\nexec ${process.execPath} --max-semi-space-size=1 ${program.file}`],
      { env: { ONE_TPROXY_ROLE: 'one_tproxy_br', ONE_TPROXY_BRIDGE: 'br0', ONE_TPROXY_SOCKET: path } },
    );
    listeners.push(listener);
    return listener;
  }

  /** The next listener that comes to the forwarder. */
  async function nextSession(): Promise<ForwarderSession> {
    if (forwarder === undefined) throw new Error('there is no forwarder');
    return forwarder.session();
  }

  /** The next one, its hello heard. */
  async function introduced(): Promise<ForwarderSession> {
    const session = await nextSession();
    await session.hear('hello');
    return session;
  }

  /** A listener that serves `ports`. */
  async function serving(ports: readonly number[], limits = ''): Promise<Serving> {
    const listener = startListener(limits);
    const session = await introduced();
    const { body, fds } = await session.configure(ports);
    expect(body).toEqual({ ports, sockets: ports, more: false, failures: [] });
    return { listener, session, fds };
  }

  function inside<T>(task: () => T): T {
    return inNetns(netns, task);
  }

  /** The scene closes it after the test. */
  function keep(fd: number): number {
    sockets.add(fd);
    return fd;
  }

  /** Guests that dial a service port at once. */
  function crowd(port: number, count: number): number[] {
    return inside(() => Array.from({ length: count }, () => keep(dial(port, false, ADDRESS))));
  }

  /** A guest that dials a service port. */
  function guest(port: number): number {
    return crowd(port, 1)[0] ?? -1;
  }

  function hangUp(fds: readonly number[]): void {
    for (const fd of fds) if (sockets.delete(fd)) close(fd);
  }

  return {
    crowd,
    guest,
    hangUp,
    inside,
    introduced,
    keep,
    kill,
    nextSession,
    serving,
    startForwarder,
    startListener,
    succeed,
  };
}

/** Whether a guest's connection is there (`'open'`; it has said `?` then), or the errno that it got. */
export async function fate(guest: number): Promise<'open' | number> {
  return until('an answer for the guest', () => {
    const error = socketError(guest);
    if (error !== 0) return error;
    return sendBytes(guest, Buffer.from('?')) === 1 ? 'open' : undefined;
  });
}

/** Descriptors that a process has open. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Processor time of a process so far, in milliseconds. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The ports of the next guests that wait at listening sockets, in their order; their connections are closed. */
export async function arrivals(listening: readonly number[], count: number): Promise<number[]> {
  const ports: number[] = [];
  const origin = { ip: 0, port: 0 };
  await until(`${count} guests`, () => {
    for (const fd of listening) {
      while (ports.length < count) {
        const connection = accept(fd, origin);
        if (connection < 0) break;
        ports.push(origin.port);
        close(connection);
      }
    }
    return ports.length === count ? true : undefined;
  });
  return ports;
}
