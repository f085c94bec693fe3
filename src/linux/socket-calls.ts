import type { Ipv4 } from '../model/ipv4.ts';
import { allocate, cFunction, check, errnoOf } from './ffi.ts';

/** What sockets of every family have in common: the calls, and the structures that these read and fill. */
const cSocket = cFunction('int socket(int, int, int)');
const cBind = cFunction('int bind(int, uintptr_t, unsigned int)');
const cListen = cFunction('int listen(int, int)');
const cConnect = cFunction('int connect(int, uintptr_t, unsigned int)');
const cGetsockname = cFunction('int getsockname(int, uintptr_t, uintptr_t)');
const cSetsockopt = cFunction('int setsockopt(int, int, int, uintptr_t, unsigned int)');
const cGetsockopt = cFunction('int getsockopt(int, int, int, uintptr_t, uintptr_t)');
const cIoctl = cFunction('int ioctl(int, unsigned long, uintptr_t)');

export const AF_UNIX = 1;
export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_SEQPACKET = 5;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SOL_TCP = 6;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const UNIX_PATH_MAX = 108;
const SOCKADDR_IN_BYTES = 16;

// Scratch structures: every call is synchronous and each thread has its own copy of this module.
/** A `sockaddr` of either family. */
export const address = allocate(2 + UNIX_PATH_MAX);
export const addressLength = allocate(4);
/** Value of an option, or what an ioctl says. */
export const option = allocate(16);
const optionLength = allocate(4);

/** A non-blocking, close-on-exec socket, or a negative errno. */
export function openSocket(family: number, type: number): number {
  const fd = cSocket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errnoOf() : fd;
}

/** Has a socket listen on the `sockaddr` of `length` bytes in `address`, which `where` is in words. */
export function listenOn(fd: number, length: number, backlog: number, where: string): void {
  check('bind', cBind(fd, address.address, length), where);
  check('listen', cListen(fd, backlog), where);
}

/** Connects to the `sockaddr` of `length` bytes in `address`; 0, or a negative errno. */
export function connectTo(fd: number, length: number): number {
  return cConnect(fd, address.address, length) < 0 ? -errnoOf() : 0;
}

/** Puts the local `sockaddr` of a socket into `address`; 0, or a negative errno. */
export function readLocal(fd: number): number {
  addressLength.view.setUint32(0, address.bytes.length, true);
  return cGetsockname(fd, address.address, addressLength.address) < 0 ? -errnoOf() : 0;
}

/** Puts an IPv4 `sockaddr` into `address`; its length. */
export function writeInet(ip: Ipv4, port: number): number {
  address.view.setUint16(0, AF_INET, true);
  address.view.setUint16(2, port);
  address.view.setUint32(4, ip);
  address.view.setFloat64(8, 0);
  return SOCKADDR_IN_BYTES;
}

/** Family of the `sockaddr` in `address`. */
export function readFamily(): number {
  return address.view.getUint16(0, true);
}

/** Of the IPv4 `sockaddr` in `address`. */
export function readIp(): Ipv4 {
  return address.view.getUint32(4);
}

/** Of the IPv4 `sockaddr` in `address`. */
export function readPort(): number {
  return address.view.getUint16(2);
}

/** Sets an option to the first `bytes` bytes of `option`; 0, or a negative errno. */
export function setOption(fd: number, level: number, name: number, bytes: number): number {
  return cSetsockopt(fd, level, name, option.address, bytes) < 0 ? -errnoOf() : 0;
}

/** 0, or a negative errno. */
export function setInt(fd: number, level: number, name: number, value: number): number {
  option.view.setInt32(0, value, true);
  return setOption(fd, level, name, 4);
}

/** Puts an option of `bytes` bytes into `option`; 0, or a negative errno. */
export function getOption(fd: number, level: number, name: number, bytes: number): number {
  optionLength.view.setUint32(0, bytes, true);
  return cGetsockopt(fd, level, name, option.address, optionLength.address) < 0 ? -errnoOf() : 0;
}

/** Value of an option that is never negative, or a negative errno. */
export function getInt(fd: number, level: number, name: number): number {
  const result = getOption(fd, level, name, 4);
  return result < 0 ? result : option.view.getInt32(0, true);
}

/** What an ioctl answers, which may have put something into `option`, or a negative errno. */
export function ioctl(fd: number, request: number): number {
  const result = cIoctl(fd, request, option.address);
  return result < 0 ? -errnoOf() : result;
}
