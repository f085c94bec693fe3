import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { Reactor, wake } from '../../../src/dataplane/reactor.ts';
import { SyscallError } from '../../../src/errors.ts';
import { close, eventfd, read, write } from '../../../src/linux/descriptor.ts';
import { EPOLLET, EPOLLIN, EPOLLOUT } from '../../../src/linux/epoll.ts';
import { allocate } from '../../../src/linux/ffi.ts';
import { duplicate } from '../linux/endpoints.ts';

const one = allocate(8);
const scratch = allocate(8);
one.view.setBigUint64(0, 1n, true);

const opened = new Set<number>();
afterEach(() => {
  for (const fd of opened) close(fd);
  opened.clear();
});

function idle(): number {
  const fd = eventfd();
  opened.add(fd);
  return fd;
}

function ready(): number {
  const fd = idle();
  write(fd, one.address, 8);
  return fd;
}

function shut(fd: number): void {
  opened.delete(fd);
  close(fd);
}

function turn(reactor: Reactor): void {
  reactor.defer(() => reactor.stop());
  reactor.run();
}

/** Writes to an eventfd from another thread after `afterMs`. Resolves when the thread has ended. */
function writeFromThread(descriptor: number, afterMs: number): Promise<unknown> {
  const code = `
    const { workerData } = require('node:worker_threads');
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    setTimeout(() => require('node:fs').writeSync(workerData.descriptor, one), workerData.afterMs);
  `;
  const thread = new Worker(code, { eval: true, workerData: { descriptor, afterMs } });
  return new Promise((resolve, reject) => {
    thread.once('exit', resolve);
    thread.once('error', reject);
  });
}

describe('events', () => {
  test('reach the target of their descriptor', () => {
    const reactor = new Reactor(() => undefined);
    const seen: string[] = [];
    reactor.add(ready(), EPOLLIN | EPOLLET, { onEvents: (events) => seen.push(`a ${events}`) });
    reactor.add(idle(), EPOLLIN | EPOLLOUT | EPOLLET, { onEvents: (events) => seen.push(`b ${events}`) });
    turn(reactor);
    expect(seen.sort()).toEqual([`a ${EPOLLIN}`, `b ${EPOLLOUT}`]);
  });

  test('of a closed descriptor never reach the one that got its number', () => {
    const reactor = new Reactor(() => undefined);
    const log: string[] = [];
    const fds = { a: ready(), b: ready() };
    const registrations = { a: 0, b: 0 };
    const replace = (victim: 'a' | 'b') => () => {
      log.push(`event closes ${victim}`);
      reactor.forget(registrations[victim]);
      shut(fds[victim]);
      // Idle, so that whatever it hears was meant for its predecessor.
      const successor = idle();
      expect(successor).toBe(fds[victim]);
      const registration = reactor.add(successor, EPOLLIN, { onEvents: () => log.push('stale event') });
      expect(registration).toBe(registrations[victim]);
    };
    registrations.a = reactor.add(fds.a, EPOLLIN | EPOLLET, { onEvents: replace('b') });
    registrations.b = reactor.add(fds.b, EPOLLIN | EPOLLET, { onEvents: replace('a') });
    turn(reactor);
    turn(reactor);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/^event closes [ab]$/);
  });

  test('of a closed descriptor whose open file lives on elsewhere reach nobody', () => {
    const reactor = new Reactor(() => undefined);
    const fd = ready();
    // As if another process held it: closing does not take it out of epoll then.
    opened.add(duplicate(fd));
    const log: string[] = [];
    const registration = reactor.add(fd, EPOLLIN, { onEvents: () => log.push('first') });
    turn(reactor);
    reactor.forget(registration);
    shut(fd);
    const successor = idle();
    expect(successor).toBe(fd);
    expect(reactor.add(successor, EPOLLIN, { onEvents: () => log.push('successor') })).toBe(registration);
    turn(reactor);
    expect(log).toEqual(['first']);
    write(successor, one.address, 8);
    turn(reactor);
    expect(log).toEqual(['first', 'successor']);
  });

  test('stop when the descriptor was removed, and it can be added again', () => {
    const reactor = new Reactor(() => undefined);
    const fd = ready();
    let count = 0;
    const target = { onEvents: () => (count += 1) };
    reactor.remove(reactor.add(fd, EPOLLIN, target), fd);
    turn(reactor);
    expect(count).toBe(0);
    reactor.add(fd, EPOLLIN, target);
    turn(reactor);
    expect(count).toBe(1);
  });

  test('follow a modified mask', () => {
    const reactor = new Reactor(() => undefined);
    const fd = ready();
    const seen: number[] = [];
    const registration = reactor.add(fd, EPOLLIN, { onEvents: (events) => seen.push(events) });
    for (const mask of [0, EPOLLOUT, EPOLLIN | EPOLLOUT]) {
      reactor.modify(registration, fd, mask);
      turn(reactor);
    }
    expect(seen).toEqual([EPOLLOUT, EPOLLIN | EPOLLOUT]);
  });

  test('a target may close its own descriptor and register another', () => {
    const reactor = new Reactor(() => undefined);
    let generations = 0;
    const start = (): void => {
      const fd = ready();
      const registration = reactor.add(fd, EPOLLIN, {
        onEvents: () => {
          generations += 1;
          reactor.forget(registration);
          shut(fd);
          start();
        },
      });
    };
    start();
    for (let i = 0; i < 1000; i++) turn(reactor);
    expect(generations).toBe(1000);
  });
});

describe('slots', () => {
  test('are reused: a hundred thousand registrations take no more than live at once', () => {
    const reactor = new Reactor(() => undefined);
    const fd = idle();
    let highest = 0;
    for (let i = 0; i < 100_000; i++) {
      const registration = reactor.add(fd, EPOLLIN, { onEvents: () => undefined });
      highest = Math.max(highest, registration);
      reactor.remove(registration, fd);
    }
    expect(highest).toBe(2);
  });

  test('no handle is 0, and forgetting 0 does nothing', () => {
    const reactor = new Reactor(() => undefined);
    reactor.forget(0);
    reactor.remove(0, -1);
    const [first, second] = [idle(), idle()].map((fd) =>
      reactor.add(fd, EPOLLIN, { onEvents: () => undefined }),
    );
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(0);
    expect(first).not.toBe(second);
  });

  test('one that the kernel refused is free again', () => {
    const reactor = new Reactor(() => undefined);
    const attempt = () => reactor.add(-1, EPOLLIN, { onEvents: () => undefined });
    expect(attempt).toThrow(SyscallError);
    expect(attempt).toThrow('epoll_ctl: EBADF');
    expect(reactor.add(idle(), EPOLLIN, { onEvents: () => undefined })).toBe(2);
  });
});

describe('deferred tasks', () => {
  test('run in order, after the events that wait; what they defer runs in the next turn', () => {
    const reactor = new Reactor(() => undefined);
    const log: string[] = [];
    const fd = ready();
    reactor.add(fd, EPOLLIN, {
      onEvents: () => {
        log.push('event');
        read(fd, scratch.address, 8);
      },
    });
    reactor.defer(() => {
      log.push('first');
      reactor.defer(() => log.push('third'));
    });
    reactor.defer(() => log.push('second'));
    turn(reactor);
    expect(log).toEqual(['event', 'first', 'second']);
    turn(reactor);
    expect(log).toEqual(['event', 'first', 'second', 'third']);
  });
});

describe('ticks', () => {
  test('come about every 100 ms while they are needed, stop, and start with the next event', async () => {
    const reactor = new Reactor(() => reactor.stop());
    const times: number[] = [];
    reactor.onTick((now) => {
      times.push(now);
      return times.length < 3;
    });
    const start = performance.now();
    const thread = writeFromThread(reactor.wakeDescriptor, 900);
    reactor.run();
    await thread;
    const at = times.map((time) => time - start);
    expect(at).toHaveLength(4);
    expect(at[2]).toBeGreaterThanOrEqual(290);
    expect(at[2]).toBeLessThan(800);
    expect(at[3]).toBeGreaterThanOrEqual(890);
  });

  test('come as long as any of several needs them, and each is called', () => {
    const reactor = new Reactor(() => undefined);
    const calls = { a: 0, b: 0 };
    reactor.onTick(() => {
      calls.a += 1;
      return false;
    });
    reactor.onTick(() => {
      calls.b += 1;
      if (calls.b === 3) reactor.stop();
      return true;
    });
    reactor.run();
    expect(calls).toEqual({ a: 3, b: 3 });
  });

  test('the clock of a turn is that of its events', () => {
    const reactor = new Reactor(() => undefined);
    const before = performance.now();
    turn(reactor);
    expect(reactor.now).toBeGreaterThanOrEqual(before);
    expect(reactor.now).toBeLessThanOrEqual(performance.now());
  });
});

describe('wake', () => {
  test('from another thread ends a wait without end', async () => {
    let woken = 0;
    const reactor = new Reactor(() => {
      woken += 1;
      reactor.stop();
    });
    const start = performance.now();
    const thread = writeFromThread(reactor.wakeDescriptor, 100);
    reactor.run();
    expect(performance.now() - start).toBeGreaterThan(90);
    expect(woken).toBe(1);
    await thread;
  });

  test('several times before the reactor looks is once', () => {
    let woken = 0;
    const reactor = new Reactor(() => {
      woken += 1;
    });
    for (let i = 0; i < 5; i++) wake(reactor.wakeDescriptor);
    turn(reactor);
    turn(reactor);
    expect(woken).toBe(1);
    wake(reactor.wakeDescriptor);
    turn(reactor);
    expect(woken).toBe(2);
  });
});
