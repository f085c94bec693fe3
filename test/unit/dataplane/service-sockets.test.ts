import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Bridge } from '../../../src/dataplane/bridge.ts';
import { Reactor } from '../../../src/dataplane/reactor.ts';
import type { ServiceSocketsOwner } from '../../../src/dataplane/service-sockets.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { cFunction } from '../../../src/linux/ffi.ts';
import {
  acceptNow,
  dial,
  duplicate,
  type Listening,
  LOOPBACK,
  listenLocal,
  localPort,
  openDescriptors,
  withFewDescriptors,
} from '../linux/endpoints.ts';

const cShutdown = cFunction('int shutdown(int, int)');
const SHUT_RD = 0;

/** A data plane that only counts who arrives. */
class Owner implements ServiceSocketsOwner<Bridge> {
  readonly reactor = new Reactor(() => undefined);
  isShared = false;
  /** So many may be accepted yet. */
  room = Number.POSITIVE_INFINITY;
  readonly arrivals: { servicePort: number; guestIp: number; guestPort: number }[] = [];
  exhaustions = 0;
  pauses = 0;

  mayAccept(): boolean {
    return this.room > 0;
  }

  arrived(_: Bridge, fd: number, servicePort: number, guestIp: number, guestPort: number): void {
    close(fd);
    this.room -= 1;
    this.arrivals.push({ servicePort, guestIp, guestPort });
  }

  exhausted(): void {
    this.exhaustions += 1;
  }

  paused(): void {
    this.pauses += 1;
  }

  /** A turn; how many arrived in it. */
  turn(): number {
    const before = this.arrivals.length;
    this.reactor.defer(() => this.reactor.stop());
    this.reactor.run();
    return this.arrivals.length - before;
  }
}

let owner: Owner;
let bridge: Bridge;
/** The listener's own copy of the socket for port 80. */
let listener: Listening;
let before = 0;
const guests: number[] = [];
beforeEach(() => {
  listener = listenLocal();
  owner = new Owner();
  bridge = new Bridge(owner, 'br0', 1);
  before = openDescriptors();
});
afterEach(() => {
  for (const fd of guests.splice(0)) close(fd);
  bridge.sockets.keepOnly(new Set());
  close(listener.fd);
});

function adopt(port = 80, fd = listener.fd): void {
  bridge.sockets.adopt({ port, fd: duplicate(fd) });
}

/** So many guests dial; their ports. */
function crowd(count: number, port = listener.port): number[] {
  const dialled = Array.from({ length: count }, () => dial(port));
  guests.push(...dialled);
  return dialled.map(localPort);
}

describe('guests', () => {
  test('are accepted in the order in which they came, with who they are', () => {
    adopt();
    const ports = crowd(40);
    for (let turns = 0; turns < 40 && owner.arrivals.length < 40; turns++) owner.turn();
    expect(owner.arrivals).toEqual(
      ports.map((guestPort) => ({ servicePort: 80, guestIp: LOOPBACK, guestPort })),
    );
  });

  test('that come in crowds are accepted in ever larger portions', () => {
    adopt();
    crowd(400);
    const portions = Array.from({ length: 10 }, () => owner.turn());
    expect(portions).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64, 64]);
  });

  test('are accepted in small portions while the thread is shared', () => {
    adopt();
    crowd(100);
    for (let i = 0; i < 6; i++) owner.turn();
    owner.isShared = true;
    expect([owner.turn(), owner.turn(), owner.turn()]).toEqual([2, 2, 2]);
  });

  test('at several ports are told apart, and one crowd keeps nobody at another port waiting', () => {
    const other = listenLocal();
    adopt();
    adopt(81, other.fd);
    crowd(1000);
    for (let i = 0; i < 3; i++) owner.turn();
    const [guestPort] = crowd(1, other.port);
    owner.turn();
    expect(owner.arrivals.filter(({ servicePort }) => servicePort === 81)).toMatchObject([{ guestPort }]);
    close(other.fd);
  });
});

describe('a pause', () => {
  test('leaves guests in the kernel’s queue, without effort, and ends', () => {
    adopt();
    owner.room = 10;
    const ports = crowd(30);
    for (let i = 0; i < 20; i++) owner.turn();
    expect(owner.arrivals).toHaveLength(10);
    expect(owner.pauses).toBe(1);
    // No event, so that nothing is done for nothing.
    owner.room = 20;
    expect(owner.turn()).toBe(0);
    bridge.sockets.resume();
    for (let i = 0; i < 20; i++) owner.turn();
    expect(owner.arrivals.map(({ guestPort }) => guestPort)).toEqual(ports);
  });

  test('holds for sockets that come meanwhile', () => {
    adopt();
    owner.room = 0;
    crowd(1);
    owner.turn();
    const other = listenLocal();
    adopt(81, other.fd);
    crowd(1, other.port);
    owner.room = 5;
    for (let i = 0; i < 5; i++) expect(owner.turn()).toBe(0);
    bridge.sockets.resume();
    for (let i = 0; i < 5; i++) owner.turn();
    expect(owner.arrivals.map(({ servicePort }) => servicePort).sort()).toEqual([80, 81]);
    close(other.fd);
  });

  test('comes when the process has run out of descriptors', () => {
    adopt();
    crowd(2);
    withFewDescriptors(0, () => {
      owner.turn();
      owner.turn();
    });
    expect(owner.exhaustions).toBe(1);
    expect(owner.pauses).toBe(1);
    bridge.sockets.resume();
    for (let i = 0; i < 4; i++) owner.turn();
    expect(owner.arrivals).toHaveLength(2);
  });

  test('is nothing that happens twice', () => {
    adopt();
    bridge.sockets.resume();
    owner.room = 0;
    crowd(3);
    for (let i = 0; i < 3; i++) owner.turn();
    expect(owner.pauses).toBe(1);
  });
});

describe('sockets', () => {
  test('that are no longer wanted are let go of: their listener has the guests then', () => {
    adopt();
    adopt(81);
    bridge.sockets.keepOnly(new Set([81]));
    expect(bridge.sockets.all.map(({ port }) => port)).toEqual([81]);
    bridge.sockets.keepOnly(new Set());
    expect(bridge.sockets.size).toBe(0);
    expect(openDescriptors()).toBe(before);
    crowd(1);
    for (let i = 0; i < 3; i++) expect(owner.turn()).toBe(0);
    const fd = acceptNow(listener.fd);
    expect(fd).toBeDefined();
    if (fd !== undefined) close(fd);
  });

  test('of which a guest has gone before it was accepted go on', () => {
    adopt();
    crowd(1);
    const ports = crowd(1);
    const gone = guests.shift();
    if (gone !== undefined) close(gone);
    for (let i = 0; i < 5; i++) owner.turn();
    expect(owner.arrivals.at(-1)?.guestPort).toBe(ports[0]);
  });

  test('that somebody else accepted from have nothing to give, which is no error', () => {
    adopt();
    crowd(64);
    for (let i = 0; i < 7; i++) owner.turn();
    crowd(3);
    const fd = acceptNow(listener.fd);
    for (let i = 0; i < 3; i++) owner.turn();
    expect(owner.arrivals).toHaveLength(66);
    expect(owner.exhaustions).toBe(0);
    if (fd !== undefined) close(fd);
  });

  test('whose listener has ended their listening are let go of, or they would be announced for ever', () => {
    adopt();
    crowd(1);
    owner.turn();
    cShutdown(listener.fd, SHUT_RD);
    owner.turn();
    expect(bridge.sockets.size).toBe(0);
    expect(openDescriptors()).toBe(before + 1);
  });
});
