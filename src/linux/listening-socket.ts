import { fstatSync } from 'node:fs';
import { SERVICE_ADDRESS } from '../model/names.ts';
import { close } from './descriptor.ts';
import { Errno } from './errno.ts';
import { allocate, cFunction, errnoName, errnoOf } from './ffi.ts';
import { formatIpv4, parseIpv4 } from './socket.ts';

const cFcntl = cFunction('int fcntl(int, int)');
const cGetsockname = cFunction('int getsockname(int, uintptr_t, uintptr_t)');
const cGetsockopt = cFunction('int getsockopt(int, int, int, uintptr_t, uintptr_t)');
const cIoctl = cFunction('int ioctl(int, unsigned long, uintptr_t)');

const AF_INET = 2;
const F_GETFL = 3;
const O_NONBLOCK = 0o4000;
const IPPROTO_TCP = 6;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const SO_PROTOCOL = 38;
/** Descriptor of the network namespace of a socket; needs CAP_NET_ADMIN there. */
const SIOCGSKNS = 0x894c;

const value = allocate(4);
const address = allocate(128);
const length = allocate(4);

/**
 * What a descriptor lacks that somebody says is a socket listening on 169.254.16.9:`port` in the network namespace with
 * this inode; undefined: nothing. The descriptor stays open. Needs CAP_NET_ADMIN.
 *
 * TCP over IPv4 and nothing similar (MPTCP, SCTP, a unix socket); and non-blocking: a thread that accepts from another one
 * would wait for its guests.
 */
export function listeningSocketFault(fd: number, port: number, netns: number): string | undefined {
  const protocol = option(fd, SO_PROTOCOL);
  if (protocol < 0) return `is no socket (${errnoName(-protocol)})`;
  if (protocol !== IPPROTO_TCP) return 'is no TCP socket';
  if (option(fd, SO_ACCEPTCONN) !== 1) return 'does not listen';
  return addressFault(fd, port) ?? blockingFault(fd) ?? netnsFault(fd, netns);
}

/** An integer option of a socket, or a negative errno. */
function option(fd: number, name: number): number {
  length.view.setUint32(0, 4, true);
  const result = cGetsockopt(fd, SOL_SOCKET, name, value.address, length.address);
  return result < 0 ? -errnoOf() : value.view.getInt32(0, true);
}

function addressFault(fd: number, port: number): string | undefined {
  length.view.setUint32(0, address.bytes.length, true);
  if (cGetsockname(fd, address.address, length.address) < 0)
    return `has no address (${errnoName(errnoOf())})`;
  if (address.view.getUint16(0, true) !== AF_INET) return 'is not of IPv4';
  const ip = address.view.getUint32(4);
  const bound = address.view.getUint16(2);
  if (ip === parseIpv4(SERVICE_ADDRESS) && bound === port) return undefined;
  return `listens on ${formatIpv4(ip)}:${bound}`;
}

function blockingFault(fd: number): string | undefined {
  return (cFcntl(fd, F_GETFL) & O_NONBLOCK) === 0 ? 'would block' : undefined;
}

function netnsFault(fd: number, netns: number): string | undefined {
  const space = cIoctl(fd, SIOCGSKNS, 0);
  if (space < 0) {
    const errno = errnoOf();
    return errno === Errno.EPERM
      ? 'is in a network namespace that this process may not look at'
      : `is in a network namespace that can't be told (${errnoName(errno)})`;
  }
  try {
    return fstatSync(space).ino === netns ? undefined : 'is of another network namespace';
  } finally {
    // closeSync would warn of a descriptor that it did not open, in a worker thread.
    close(space);
  }
}
