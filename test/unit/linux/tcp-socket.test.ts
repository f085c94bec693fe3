import { afterEach, describe, expect, test } from 'vitest';
import { close } from '../../../src/linux/descriptor.ts';
import { EPOLLERR, EPOLLIN, EPOLLOUT, Epoll } from '../../../src/linux/epoll.ts';
import { Errno } from '../../../src/linux/errno.ts';
import {
  accept,
  closeWithReset,
  send,
  setKeepalive,
  setNoDelay,
  shutdownWrite,
  socketError,
  tcpConnect,
  tcpListen,
  tcpSocket,
  unacknowledged,
} from '../../../src/linux/tcp-socket.ts';
import { formatIpv4, parseIpv4 } from '../../../src/model/ipv4.ts';
import {
  acceptSoon,
  dial,
  LOOPBACK,
  listenLocal,
  localPort,
  openDescriptors,
  receiveBytes,
  receiveEnd,
  receiveText,
  sendBytes,
  socketOption,
  spin,
  tcpPair,
} from './endpoints.ts';

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SOL_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});

function kept<T extends number>(fd: T): T {
  opened.push(fd);
  return fd;
}

/** Waits until a connection attempt is decided. */
function decided(fd: number): number {
  const epoll = new Epoll();
  epoll.add(fd, EPOLLOUT, 1, 1);
  expect(epoll.wait(5000)).toBe(1);
  const events = epoll.events(0);
  epoll.remove(fd);
  return events;
}

describe('tcpListen', () => {
  test('an address in use is named with its port, and no descriptor stays open', () => {
    const { fd, port } = listenLocal();
    kept(fd);
    const before = openDescriptors();
    expect(() => tcpListen(LOOPBACK, port, 8)).toThrow(`bind (127.0.0.1:${port}): EADDRINUSE`);
    expect(() => tcpListen(LOOPBACK, port, 8)).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE', errno: Errno.EADDRINUSE, syscall: 'bind' }),
    );
    expect(openDescriptors()).toBe(before);
  });

  test('binds an address that no interface has yet', () => {
    const fd = kept(tcpListen(parseIpv4('192.0.2.77'), 0, 8));
    expect(localPort(fd)).toBeGreaterThan(0);
  });

  test('a port with connections in TIME_WAIT can be listened on again', () => {
    const first = listenLocal();
    const client = kept(dial(first.port));
    const server = acceptSoon(first.fd);
    close(first.fd);
    shutdownWrite(server);
    receiveEnd(client);
    shutdownWrite(client);
    receiveEnd(server);
    close(server);
    kept(tcpListen(LOOPBACK, first.port, 8));
  });

  test('what is accepted has no delay, and no timers of its own', () => {
    const listening = kept(tcpListen(LOOPBACK, 0, 8));
    kept(dial(localPort(listening)));
    const server = kept(acceptSoon(listening));
    expect(socketOption(server, SOL_TCP, TCP_NODELAY)).toBe(1);
    expect(socketOption(server, SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
  });
});

describe('accept', () => {
  test('gives a non-blocking socket and says who it is', () => {
    const { fd: listening, port } = listenLocal();
    kept(listening);
    expect(accept(listening)).toBe(-Errno.EAGAIN);
    const client = kept(dial(port));
    const origin = { ip: 0, port: 0 };
    const server = kept(acceptSoon(listening, origin));
    expect(formatIpv4(origin.ip)).toBe('127.0.0.1');
    expect(origin.port).toBe(localPort(client));
    expect(receiveBytes(server)).toBe(-Errno.EAGAIN);
  });

  test('of a closed socket is -EBADF', () => {
    const { fd } = listenLocal();
    close(fd);
    expect(accept(fd)).toBe(-Errno.EBADF);
  });
});

describe('tcpConnect', () => {
  test('is under way at first, writable once connected, without a pending error', () => {
    const { fd: listening, port } = listenLocal();
    kept(listening);
    const fd = kept(tcpSocket());
    expect(tcpConnect(fd, LOOPBACK, port)).toBe(-Errno.EINPROGRESS);
    expect(decided(fd)).toBe(EPOLLOUT);
    expect(socketError(fd)).toBe(0);
  });

  test('refused: EPOLLERR, and the error is read once', () => {
    const { fd: listening, port } = listenLocal();
    close(listening);
    const fd = kept(tcpSocket());
    expect(tcpConnect(fd, LOOPBACK, port)).toBe(-Errno.EINPROGRESS);
    expect(decided(fd) & EPOLLERR).toBe(EPOLLERR);
    expect(socketError(fd)).toBe(Errno.ECONNREFUSED);
    expect(socketError(fd)).toBe(0);
  });

  test('an address that can not be reached is refused at once', () => {
    const fd = kept(tcpSocket());
    expect(tcpConnect(fd, parseIpv4('255.255.255.255'), 9)).toBe(-Errno.ENETUNREACH);
  });

  test('the pending error of a closed socket is EBADF', () => {
    const fd = tcpSocket();
    close(fd);
    expect(socketError(fd)).toBe(Errno.EBADF);
  });
});

describe('streams', () => {
  test('bytes, then FIN, while the other direction stays open', () => {
    const { client, server } = tcpPair();
    opened.push(client, server);
    expect(sendBytes(client, Buffer.from('question'))).toBe(8);
    expect(shutdownWrite(client)).toBe(0);
    expect(receiveText(server, 8)).toBe('question');
    expect(receiveEnd(server)).toBe(0);
    sendBytes(server, Buffer.from('answer'));
    expect(receiveText(client, 6)).toBe('answer');
  });

  test('a full socket is -EAGAIN', () => {
    const { client, server } = tcpPair();
    opened.push(client, server);
    const chunk = Buffer.alloc(65536);
    let result = 0;
    for (let i = 0; i < 10_000 && result >= 0; i++) result = sendBytes(client, chunk);
    expect(result).toBe(-Errno.EAGAIN);
  });

  test('reset: the other side reads ECONNRESET, and writes EPIPE without a signal', () => {
    const { client, server } = tcpPair();
    opened.push(server);
    closeWithReset(client);
    expect(receiveEnd(server)).toBe(-Errno.ECONNRESET);
    expect(sendBytes(server, Buffer.from('x'))).toBe(-Errno.EPIPE);
  });

  test('reset throws away what was not sent', () => {
    const { client, server } = tcpPair();
    opened.push(server);
    const chunk = Buffer.alloc(65536);
    let sent = 0;
    for (let n = 0; n >= 0; n = sendBytes(client, chunk)) sent += n;
    closeWithReset(client);
    let got = 0;
    let end = 0;
    for (let i = 0; i < 100_000; i++) {
      const part = receiveBytes(server);
      if (typeof part === 'number') {
        end = part;
        if (part !== -Errno.EAGAIN) break;
      } else got += part.length;
    }
    expect(end).toBe(-Errno.ECONNRESET);
    expect(got).toBeLessThan(sent);
  });

  test('shutting down what is not connected is -ENOTCONN', () => {
    expect(shutdownWrite(kept(tcpSocket()))).toBe(-107);
  });

  test('of a closed descriptor: -EBADF', () => {
    const fd = tcpSocket();
    close(fd);
    expect(receiveBytes(fd)).toBe(-Errno.EBADF);
    expect(send(fd, 0, 0)).toBe(-Errno.EBADF);
    expect(shutdownWrite(fd)).toBe(-Errno.EBADF);
  });
});

test('options are set', () => {
  const fd = kept(tcpSocket());
  expect(socketOption(fd, SOL_TCP, TCP_NODELAY)).toBe(0);
  setNoDelay(fd);
  expect(socketOption(fd, SOL_TCP, TCP_NODELAY)).toBe(1);
  setKeepalive(fd, 33);
  expect(socketOption(fd, SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
  expect(socketOption(fd, SOL_TCP, TCP_KEEPIDLE)).toBe(33);
  expect(socketOption(fd, SOL_TCP, TCP_KEEPINTVL)).toBe(10);
  expect(socketOption(fd, SOL_TCP, TCP_KEEPCNT)).toBe(6);
});

test('what the other end has not acknowledged can be counted', () => {
  const { client, server } = tcpPair();
  opened.push(client, server);
  expect(unacknowledged(client)).toBe(0);
  const chunk = Buffer.alloc(65536);
  let sent = 0;
  for (let n = 0; n >= 0; n = sendBytes(client, chunk)) sent += n;
  const full = unacknowledged(client);
  expect(full).toBeGreaterThan(0);
  expect(full).toBeLessThan(sent);
  let got = 0;
  spin('everything to be read', () => {
    const part = receiveBytes(server);
    if (typeof part !== 'number') got += part.length;
    return got === sent ? true : undefined;
  });
  spin('the last acknowledgement', () => (unacknowledged(client) === 0 ? true : undefined));
  expect(unacknowledged(-1)).toBe(0);
});

test('events of an accepted connection are seen by epoll', () => {
  const { client, server } = tcpPair();
  opened.push(client, server);
  const epoll = new Epoll();
  epoll.add(server, EPOLLIN, 9, 9);
  expect(epoll.wait(0)).toBe(0);
  sendBytes(client, Buffer.from('x'));
  expect(epoll.wait(2000)).toBe(1);
});
