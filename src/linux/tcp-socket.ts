import { formatIpv4, type Ipv4 } from '../model/ipv4.ts';
import { close } from './descriptor.ts';
import { cFunction, check, errnoOf } from './ffi.ts';
import {
  AF_INET,
  address,
  addressLength,
  connectTo,
  getInt,
  ioctl,
  listenOn,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  openSocket,
  option,
  readIp,
  readPort,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SOL_TCP,
  setInt,
  setOption,
  writeInet,
} from './socket-calls.ts';

const cAccept4 = cFunction('int accept4(int, uintptr_t, uintptr_t, int)');
const cShutdown = cFunction('int shutdown(int, int)');
const cRecv = cFunction('long recv(int, uintptr_t, size_t, int)');
const cSend = cFunction('long send(int, uintptr_t, size_t, int)');

const MSG_MORE = 0x8000;
const SHUT_WR = 1;
const SOL_IP = 0;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const IP_FREEBIND = 15;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_QUICKACK = 12;
const SIOCOUTQ = 0x5411;

/** A non-blocking TCP socket, or a negative errno (EMFILE and the like). */
export function tcpSocket(): number {
  return openSocket(AF_INET, SOCK_STREAM);
}

/**
 * A TCP socket listening on `ip:port` in the caller's network namespace. It may be bound before the address exists.
 * Accepted sockets inherit its options: no delay, acknowledgements with data.
 */
export function tcpListen(ip: Ipv4, port: number, backlog: number): number {
  const fd = check('socket', tcpSocket());
  try {
    const where = `${formatIpv4(ip)}:${port}`;
    check('setsockopt', setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1), where);
    check('setsockopt', setInt(fd, SOL_IP, IP_FREEBIND, 1), where);
    check('setsockopt', setInt(fd, SOL_TCP, TCP_NODELAY, 1), where);
    check('setsockopt', setInt(fd, SOL_TCP, TCP_QUICKACK, 0), where);
    listenOn(fd, writeInet(ip, port), backlog, where);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** 0 when connected at once, or a negative errno; -EINPROGRESS is the usual answer. */
export function tcpConnect(fd: number, ip: Ipv4, port: number): number {
  return connectTo(fd, writeInet(ip, port));
}

/** Where a connection comes from. */
export interface Origin {
  ip: Ipv4;
  port: number;
}

/** An accepted, non-blocking socket, or a negative errno. Of a TCP socket it is put into `origin` where it comes from. */
export function accept(fd: number, origin?: Origin): number {
  addressLength.view.setUint32(0, address.bytes.length, true);
  const accepted = cAccept4(fd, address.address, addressLength.address, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted < 0) return -errnoOf();
  if (origin !== undefined) {
    origin.ip = readIp();
    origin.port = readPort();
  }
  return accepted;
}

/** Bytes received into memory at `at`, 0 at the end of the stream, or a negative errno. Never blocks. */
export function recv(fd: number, at: number, length: number): number {
  const n = cRecv(fd, at, length, MSG_DONTWAIT);
  return n < 0 ? -errnoOf() : n;
}

/** Bytes sent from memory at `at`, or a negative errno. Never blocks and never raises SIGPIPE. */
export function send(fd: number, at: number, length: number): number {
  const n = cSend(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n < 0 ? -errnoOf() : n;
}

/** Like `send`, but the bytes may wait for what follows them: FIN shares their packet. */
export function sendLast(fd: number, at: number, length: number): number {
  const n = cSend(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
  return n < 0 ? -errnoOf() : n;
}

/** Sends FIN; 0 or a negative errno. */
export function shutdownWrite(fd: number): number {
  return cShutdown(fd, SHUT_WR) < 0 ? -errnoOf() : 0;
}

export function setNoDelay(fd: number): void {
  setInt(fd, SOL_TCP, TCP_NODELAY, 1);
}

/** Lets acknowledgements wait for data that they can go with. Before connect(2): that of the handshake, too. */
export function delayAcks(fd: number): void {
  setInt(fd, SOL_TCP, TCP_QUICKACK, 0);
}

/** Sends an acknowledgement that waits. */
export function ackNow(fd: number): void {
  setInt(fd, SOL_TCP, TCP_QUICKACK, 1);
}

/** Probes a silent connection after `idleS` seconds, then six times ten seconds apart. */
export function setKeepalive(fd: number, idleS: number): void {
  setInt(fd, SOL_TCP, TCP_KEEPIDLE, idleS);
  setInt(fd, SOL_TCP, TCP_KEEPINTVL, 10);
  setInt(fd, SOL_TCP, TCP_KEEPCNT, 6);
  setInt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/** Closes a TCP socket with RST instead of FIN; what was not sent yet is thrown away. */
export function closeWithReset(fd: number): void {
  option.view.setInt32(0, 1, true);
  option.view.setInt32(4, 0, true);
  setOption(fd, SOL_SOCKET, SO_LINGER, 8);
  close(fd);
}

/** The pending error of a socket (0: none) and clears it. */
export function socketError(fd: number): number {
  return Math.abs(getInt(fd, SOL_SOCKET, SO_ERROR));
}

/** Bytes given to a TCP socket that the other end has not acknowledged yet; 0 when that can't be told. */
export function unacknowledged(fd: number): number {
  return ioctl(fd, SIOCOUTQ) < 0 ? 0 : option.view.getInt32(0, true);
}
