import { SyscallError } from '../errors.ts';
import { close } from './descriptor.ts';
import { Errno } from './errno.ts';
import { allocate, cFunction, check, errnoName, errnoOf } from './ffi.ts';

const cSocket = cFunction('int socket(int, int, int)');
const cBind = cFunction('int bind(int, uintptr_t, unsigned int)');
const cListen = cFunction('int listen(int, int)');
const cAccept4 = cFunction('int accept4(int, uintptr_t, uintptr_t, int)');
const cConnect = cFunction('int connect(int, uintptr_t, unsigned int)');
const cSetsockopt = cFunction('int setsockopt(int, int, int, uintptr_t, unsigned int)');
const cGetsockopt = cFunction('int getsockopt(int, int, int, uintptr_t, uintptr_t)');
const cGetsockname = cFunction('int getsockname(int, uintptr_t, uintptr_t)');
const cIoctl = cFunction('int ioctl(int, unsigned long, uintptr_t)');
const cShutdown = cFunction('int shutdown(int, int)');
const cRecv = cFunction('long recv(int, uintptr_t, size_t, int)');
const cSend = cFunction('long send(int, uintptr_t, size_t, int)');

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
const SHUT_WR = 1;
const SOL_IP = 0;
const SOL_SOCKET = 1;
const SOL_TCP = 6;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SO_PEERCRED = 17;
const IP_FREEBIND = 15;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_QUICKACK = 12;
const SIOCOUTQ = 0x5411;
const UNIX_PATH_MAX = 108;
const SOCKADDR_IN_BYTES = 16;

// Scratch structures: every call below is synchronous and each thread has its own copy of this module.
const address = allocate(2 + UNIX_PATH_MAX);
const addressLength = allocate(4);
const option = allocate(16);
const optionLength = allocate(4);

/** An IPv4 address as a number, most significant byte first: 10.0.0.1 is 0x0a000001. */
export type Ipv4 = number;

/** `'10.0.0.1'` to a number. The text must be an IPv4 address. */
export function parseIpv4(text: string): Ipv4 {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatIpv4(ip: Ipv4): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

function writeInet(ip: Ipv4, port: number): void {
  address.view.setUint16(0, AF_INET, true);
  address.view.setUint16(2, port);
  address.view.setUint32(4, ip);
  address.view.setFloat64(8, 0);
}

function writeUnix(path: string): number {
  const length = Buffer.byteLength(path);
  if (length >= UNIX_PATH_MAX) throw new SyscallError('bind', 36, 'ENAMETOOLONG', path);
  address.view.setUint16(0, AF_UNIX, true);
  address.bytes.fill(0, 2);
  address.bytes.write(path, 2);
  return 2 + length + 1;
}

function setInt(fd: number, level: number, name: number, value: number): number {
  option.view.setInt32(0, value, true);
  return cSetsockopt(fd, level, name, option.address, 4);
}

/** A non-blocking TCP socket, or a negative errno (EMFILE and the like). */
export function tcpSocket(): number {
  const fd = cSocket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errnoOf() : fd;
}

/**
 * A TCP socket listening on `ip:port` in the caller's network namespace. It may be bound before the address exists.
 * Accepted sockets inherit its options: no delay, acknowledgements with data.
 */
export function tcpListen(ip: Ipv4, port: number, backlog: number): number {
  const fd = check('socket', cSocket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  try {
    const where = `${formatIpv4(ip)}:${port}`;
    check('setsockopt', setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1), where);
    check('setsockopt', setInt(fd, SOL_IP, IP_FREEBIND, 1), where);
    check('setsockopt', setInt(fd, SOL_TCP, TCP_NODELAY, 1), where);
    check('setsockopt', setInt(fd, SOL_TCP, TCP_QUICKACK, 0), where);
    writeInet(ip, port);
    check('bind', cBind(fd, address.address, SOCKADDR_IN_BYTES), where);
    check('listen', cListen(fd, backlog), where);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** 0 when connected at once, or a negative errno; -EINPROGRESS is the usual answer. */
export function tcpConnect(fd: number, ip: Ipv4, port: number): number {
  writeInet(ip, port);
  return cConnect(fd, address.address, SOCKADDR_IN_BYTES) < 0 ? -errnoOf() : 0;
}

/** An accepted, non-blocking socket, or a negative errno. Its address stands in `acceptedIp()` and `acceptedPort()`. */
export function accept(fd: number): number {
  addressLength.view.setUint32(0, address.bytes.length, true);
  const accepted = cAccept4(fd, address.address, addressLength.address, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return accepted < 0 ? -errnoOf() : accepted;
}

/** Address of the socket that `accept` returned last. */
export function acceptedIp(): Ipv4 {
  return address.view.getUint32(4);
}

/** Port of the socket that `accept` returned last. */
export function acceptedPort(): number {
  return address.view.getUint16(2);
}

/** Local port of an IPv4 socket. */
export function localPort(fd: number): number {
  addressLength.view.setUint32(0, address.bytes.length, true);
  check('getsockname', cGetsockname(fd, address.address, addressLength.address));
  return address.view.getUint16(2);
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
  cSetsockopt(fd, SOL_SOCKET, SO_LINGER, option.address, 8);
  close(fd);
}

/** The pending error of a socket (0: none) and clears it. */
export function socketError(fd: number): number {
  optionLength.view.setUint32(0, 4, true);
  if (cGetsockopt(fd, SOL_SOCKET, SO_ERROR, option.address, optionLength.address) < 0) return errnoOf();
  return option.view.getInt32(0, true);
}

/** Bytes given to a TCP socket that the other end has not acknowledged yet; 0 when that can't be told. */
export function unacknowledged(fd: number): number {
  return cIoctl(fd, SIOCOUTQ, option.address) < 0 ? 0 : option.view.getInt32(0, true);
}

/** Who is at the other end of a unix socket, as of the moment it connected. */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export function peerCredentials(fd: number): Credentials {
  optionLength.view.setUint32(0, 12, true);
  check(
    'getsockopt',
    cGetsockopt(fd, SOL_SOCKET, SO_PEERCRED, option.address, optionLength.address),
    'SO_PEERCRED',
  );
  const { view } = option;
  return { pid: view.getInt32(0, true), uid: view.getUint32(4, true), gid: view.getUint32(8, true) };
}

/** A listening unix socket that keeps message borders, at `path`, which must not exist. */
export function seqpacketListen(path: string, backlog: number): number {
  const fd = check('socket', cSocket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  try {
    const length = writeUnix(path);
    check('bind', cBind(fd, address.address, length), path);
    check('listen', cListen(fd, backlog), path);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A connected, non-blocking seqpacket socket, or a negative errno (-ENOENT, -ECONNREFUSED: nobody listens). */
export function seqpacketConnect(path: string): number {
  const length = writeUnix(path);
  const fd = cSocket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errnoOf();
  if (cConnect(fd, address.address, length) === 0) return fd;
  const errno = errnoOf();
  close(fd);
  return -errno;
}

/** True for errors that pass by themselves: try again later. */
export function isTransient(errno: number): boolean {
  return errno === Errno.EAGAIN || errno === Errno.EINTR;
}

/** Why a guest's connection ended badly, for logs. */
export function describe(errno: number): string {
  return errnoName(errno);
}
