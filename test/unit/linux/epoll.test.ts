import { afterEach, describe, expect, test } from 'vitest';
import { close, eventfd, write } from '../../../src/linux/descriptor.ts';
import { EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, Epoll } from '../../../src/linux/epoll.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { allocate, cFunction } from '../../../src/linux/ffi.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import { receiveBytes, sendBytes, tcpPair } from './endpoints.ts';

const one = allocate(8);
one.view.setBigUint64(0, 1n, true);

const epoll = new Epoll();
const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) {
    epoll.remove(fd);
    close(fd);
  }
});

function ready(): number {
  const fd = eventfd();
  opened.push(fd);
  write(fd, one.address, 8);
  return fd;
}

/** What an `epoll_wait` of at most 100 ms says. */
function wait(): { events: number; index: number; generation: number }[] {
  const count = epoll.wait(100);
  return Array.from({ length: count }, (_, i) => ({
    events: epoll.events(i),
    index: epoll.index(i),
    generation: epoll.generation(i),
  }));
}

describe('tags', () => {
  test.each([
    [0, 0],
    [1, 1],
    [1, -1],
    [0x7fff_ffff, 0x7fff_ffff],
    [0x7fff_ffff, -0x8000_0000],
    [-1, 0x1234_5678],
    [123_456, -123_456],
  ])('index %i, generation %i come back as they were', (index, generation) => {
    expect(epoll.add(ready(), EPOLLIN, index, generation)).toBe(0);
    expect(wait()).toEqual([{ events: EPOLLIN, index, generation }]);
  });

  test('each event of a batch has its own', () => {
    for (let i = 0; i < 200; i++) epoll.add(ready(), EPOLLIN, i, (-i * 7_654_321) | 0);
    const found = wait().sort((a, b) => a.index - b.index);
    expect(found).toEqual(
      Array.from({ length: 200 }, (_, i) => ({
        events: EPOLLIN,
        index: i,
        generation: (-i * 7_654_321) | 0,
      })),
    );
  });

  test('modify gives another tag and another mask', () => {
    const fd = ready();
    epoll.add(fd, EPOLLIN, 5, 6);
    expect(epoll.modify(fd, EPOLLIN | EPOLLOUT, 7, -8)).toBe(0);
    expect(wait()).toEqual([{ events: EPOLLIN | EPOLLOUT, index: 7, generation: -8 }]);
    epoll.modify(fd, 0, 7, -8);
    expect(wait()).toEqual([]);
  });
});

describe('errors are returned', () => {
  test('EEXIST, ENOENT, EBADF, EPERM', () => {
    const fd = ready();
    expect(epoll.modify(fd, EPOLLIN, 1, 1)).toBe(-Errno.ENOENT);
    expect(epoll.add(fd, EPOLLIN, 1, 1)).toBe(0);
    expect(epoll.add(fd, EPOLLIN, 1, 1)).toBe(-17);
    expect(epoll.add(-1, EPOLLIN, 1, 1)).toBe(-Errno.EBADF);
    epoll.remove(fd);
    expect(wait()).toEqual([]);
  });
});

describe('wait', () => {
  test('returns after its timeout', () => {
    const start = performance.now();
    expect(epoll.wait(30)).toBe(0);
    expect(performance.now() - start).toBeGreaterThanOrEqual(29);
  });

  test('hands out more than one batch over several calls', () => {
    for (let i = 0; i < 600; i++) epoll.add(ready(), EPOLLIN | EPOLLET, i, 0);
    const first = wait();
    const second = wait();
    expect(first.length).toBe(512);
    expect(new Set([...first, ...second].map(({ index }) => index)).size).toBe(600);
    expect(wait()).toEqual([]);
  });

  test('returns 0 when a signal comes, long before its timeout', async () => {
    const ualarm = cFunction('unsigned int ualarm(unsigned int, unsigned int)');
    let handled = 0;
    const onAlarm = (): void => {
      handled += 1;
    };
    process.on('SIGALRM', onAlarm);
    try {
      const start = performance.now();
      ualarm(50_000, 0);
      expect(epoll.wait(4000)).toBe(0);
      const waited = performance.now() - start;
      expect(waited).toBeGreaterThan(20);
      expect(waited).toBeLessThan(3000);
      for (let i = 0; i < 100 && handled === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(handled).toBe(1);
    } finally {
      process.off('SIGALRM', onAlarm);
    }
  });
});

describe('edges of a TCP socket', () => {
  test('each arrival is an edge, even while earlier bytes are unread', () => {
    const { client, server } = tcpPair();
    opened.push(client, server);
    epoll.add(server, EPOLLIN | EPOLLRDHUP | EPOLLET, 1, 1);
    for (const text of ['a', 'b', 'c']) {
      sendBytes(client, Buffer.from(text));
      expect(wait()).toEqual([{ events: EPOLLIN, index: 1, generation: 1 }]);
    }
    expect(epoll.wait(0)).toBe(0);
    expect(String(receiveBytes(server))).toBe('abc');
  });

  test('FIN is announced while bytes are unread', () => {
    const { client, server } = tcpPair();
    opened.push(client, server);
    epoll.add(server, EPOLLIN | EPOLLRDHUP | EPOLLET, 1, 1);
    sendBytes(client, Buffer.from('last words'));
    shutdownWrite(client);
    let seen = 0;
    for (let i = 0; i < 10 && (seen & EPOLLRDHUP) === 0; i++) for (const { events } of wait()) seen |= events;
    expect(seen & EPOLLRDHUP).toBe(EPOLLRDHUP);
    expect(seen & EPOLLHUP).toBe(0);
  });
});
