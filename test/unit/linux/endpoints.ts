import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { close, eventfd, fcntl } from '../../../src/linux/descriptor.ts';
import { allocate, cFunction, check, errnoName, errnoOf } from '../../../src/linux/ffi.ts';
import {
  accept,
  type Origin,
  recv,
  send,
  tcpConnect,
  tcpListen,
  tcpSocket,
} from '../../../src/linux/tcp-socket.ts';
import { seqpacketConnect, seqpacketListen } from '../../../src/linux/unix-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';

/** Raw sockets for tests: both ends live in the test's own thread, nothing blocks, every wait is bounded. */

export const LOOPBACK = parseIpv4('127.0.0.1');
const WAIT_MS = 5000;

const cBind = cFunction('int bind(int, uintptr_t, unsigned int)');
const cSetsockopt = cFunction('int setsockopt(int, int, int, uintptr_t, unsigned int)');
const cGetsockopt = cFunction('int getsockopt(int, int, int, uintptr_t, uintptr_t)');
const cGetsockname = cFunction('int getsockname(int, uintptr_t, uintptr_t)');
const cGetrlimit = cFunction('int getrlimit(int, uintptr_t)');
const cSetrlimit = cFunction('int setrlimit(int, uintptr_t)');
const cSetns = cFunction('int setns(int, int)');
const cSend = cFunction('long send(int, uintptr_t, size_t, int)');

const AF_INET = 2;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_LINGER = 13;
const SOL_TCP = 6;
const TCP_MAXSEG = 2;
const RLIMIT_NOFILE = 7;
const MSG_OOB = 1;
const F_DUPFD_CLOEXEC = 1030;
const CLONE_NEWNET = 0x4000_0000;

const memory = allocate(256 * 1024);
const small = allocate(32);

/** Calls `look` until it answers something else than undefined; throws when that takes too long. */
export function spin<T>(what: string, look: () => T | undefined, limitMs = WAIT_MS): T {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
  }
}

/** Local port of an IPv4 socket. */
export function localPort(fd: number): number {
  small.view.setUint32(16, 16, true);
  check('getsockname', cGetsockname(fd, small.address, small.address + 16));
  return small.view.getUint16(2);
}

/** A second descriptor (close-on-exec) of the same open file. */
export function duplicate(fd: number): number {
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw new Error(`fcntl: ${errnoName(-copy)}`);
  return copy;
}

export interface Listening {
  readonly fd: number;
  readonly port: number;
}

/** A TCP socket listening at a free port of the loopback. */
export function listenLocal(backlog = 1024): Listening {
  const fd = tcpListen(LOOPBACK, 0, backlog);
  return { fd, port: localPort(fd) };
}

/** A socket that is being connected. */
export function dial(port: number, narrow = false, ip = LOOPBACK): number {
  const fd = tcpSocket();
  if (narrow) narrowDown(fd);
  tcpConnect(fd, ip, port);
  return fd;
}

/** A socket that is being connected to a port of the loopback, from this address. */
export function dialFrom(ip: number, port: number): number {
  const fd = tcpSocket();
  small.view.setUint16(0, AF_INET, true);
  small.view.setUint16(2, 0);
  small.view.setUint32(4, ip);
  small.view.setFloat64(8, 0);
  check('bind', cBind(fd, small.address, 16));
  tcpConnect(fd, LOOPBACK, port);
  return fd;
}

/**
 * Runs `task`, which must be synchronous, in the network namespace behind `path`. Sockets opened there stay there, whoever
 * uses them later. Needs root.
 */
export function inNetns<T>(path: string, task: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(path, 'r');
  try {
    check('setns', cSetns(there, CLONE_NEWNET), path);
    return task();
  } finally {
    cSetns(home, CLONE_NEWNET);
    closeSync(home);
    closeSync(there);
  }
}

/** The next connection, or undefined when none is there. */
export function acceptNow(listening: number, origin?: Origin): number | undefined {
  const fd = accept(listening, origin);
  return fd >= 0 ? fd : undefined;
}

export function acceptSoon(listening: number, origin?: Origin): number {
  return spin('a connection to accept', () => acceptNow(listening, origin));
}

/** Two connected TCP sockets. */
export function tcpPair(): { client: number; server: number } {
  const listening = listenLocal(4);
  const client = dial(listening.port);
  const server = acceptSoon(listening.fd);
  close(listening.fd);
  return { client, server };
}

/** Two connected unix sockets that keep message borders. */
export function seqpacketPair(): { client: number; server: number } {
  const directory = mkdtempSync(join(tmpdir(), 'tproxy-pair-'));
  try {
    const path = join(directory, 'socket');
    const listening = seqpacketListen(path, 4);
    const client = seqpacketConnect(path);
    const server = acceptSoon(listening);
    close(listening);
    return { client, server };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Bytes taken by the kernel, or a negative errno. */
export function sendBytes(fd: number, data: Uint8Array): number {
  const length = Math.min(data.length, memory.bytes.length);
  memory.bytes.set(data.subarray(0, length));
  return send(fd, memory.address, length);
}

/** What there is, at most `limit` bytes; 0 at the end of the stream, or a negative errno. The bytes are valid until the next call. */
export function receiveBytes(fd: number, limit = memory.bytes.length): Buffer | number {
  const n = recv(fd, memory.address, Math.min(limit, memory.bytes.length));
  return n > 0 ? memory.bytes.subarray(0, n) : n;
}

/** The next `length` bytes as text; throws when they don't come. */
export function receiveText(fd: number, length: number): string {
  let text = '';
  return spin(`${length} bytes`, () => {
    const got = receiveBytes(fd, length - text.length);
    if (typeof got !== 'number') text += got.toString('latin1');
    return text.length === length ? text : undefined;
  });
}

/** How a stream ended: 0 for FIN, or a negative errno. Throws when bytes come instead. */
export function receiveEnd(fd: number): number {
  return spin('the end of the stream', () => {
    const got = receiveBytes(fd);
    if (typeof got !== 'number') throw new Error(`${got.length} bytes instead of the end of the stream`);
    return got === -11 ? undefined : got;
  });
}

/** Sends one byte as urgent data. */
export function sendUrgent(fd: number, byte: string): void {
  small.bytes.write(byte);
  if (cSend(fd, small.address, 1, MSG_OOB) !== 1) throw new Error(`send: errno ${errnoOf()}`);
}

/**
 * Small segments and kernel buffers, so that backpressure sets in early. For a socket that is about to connect, or to
 * listen: what it accepts inherits them. (With the loopback's segments of 64 KB small buffers would stall on TCP's own
 * timers.)
 */
export function narrowDown(fd: number): void {
  setInteger(fd, SOL_TCP, TCP_MAXSEG, 1400);
  limitBuffers(fd, 16 * 1024);
}

/** Bounds what the kernel buffers. */
export function limitBuffers(fd: number, bytes: number): void {
  setInteger(fd, SOL_SOCKET, SO_SNDBUF, bytes);
  setInteger(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

function setInteger(fd: number, level: number, name: number, value: number): void {
  small.view.setInt32(0, value, true);
  if (cSetsockopt(fd, level, name, small.address, 4) < 0) throw new Error(`setsockopt: errno ${errnoOf()}`);
}

/** Closes with RST. */
export function reset(fd: number): void {
  small.view.setInt32(0, 1, true);
  small.view.setInt32(4, 0, true);
  cSetsockopt(fd, SOL_SOCKET, SO_LINGER, small.address, 8);
  close(fd);
}

/** An integer socket option. */
export function socketOption(fd: number, level: number, name: number): number {
  small.view.setUint32(8, 4, true);
  if (cGetsockopt(fd, level, name, small.address, small.address + 8) < 0)
    throw new Error(`getsockopt: errno ${errnoOf()}`);
  return small.view.getInt32(0, true);
}

/** Descriptors that this process has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Runs `task`, which must be synchronous, while only `spare` more descriptors can be opened. */
export function withFewDescriptors<T>(spare: number, task: () => T): T {
  cGetrlimit(RLIMIT_NOFILE, small.address);
  const soft = small.view.getBigUint64(0, true);
  const highest = Math.max(...readdirSync('/proc/self/fd').map(Number));
  const fillers: number[] = [];
  try {
    small.view.setBigUint64(0, BigInt(highest + spare + 16), true);
    cSetrlimit(RLIMIT_NOFILE, small.address);
    try {
      for (;;) fillers.push(eventfd());
    } catch {
      // Full, as wanted.
    }
    for (const fd of fillers.splice(0, spare)) close(fd);
    return task();
  } finally {
    for (const fd of fillers) close(fd);
    cGetrlimit(RLIMIT_NOFILE, small.address);
    small.view.setBigUint64(0, soft, true);
    cSetrlimit(RLIMIT_NOFILE, small.address);
  }
}

/** Numbers in [0, 1) that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}
