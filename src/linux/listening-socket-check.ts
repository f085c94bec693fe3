import { fstatSync } from 'node:fs';
import { formatIpv4, parseIpv4 } from '../model/ipv4.ts';
import { SERVICE_ADDRESS } from '../model/names.ts';
import { close, fcntl, O_NONBLOCK } from './descriptor.ts';
import { Errno } from './errno.ts';
import { errnoName } from './ffi.ts';
import {
  AF_INET,
  getInt,
  ioctl,
  readFamily,
  readIp,
  readLocal,
  readPort,
  SOL_SOCKET,
} from './socket-calls.ts';

const F_GETFL = 3;
const IPPROTO_TCP = 6;
const SO_ACCEPTCONN = 30;
const SO_PROTOCOL = 38;
/** Descriptor of the network namespace of a socket; needs CAP_NET_ADMIN there. */
const SIOCGSKNS = 0x894c;

/**
 * What a descriptor lacks that somebody says is a socket listening on 169.254.16.9:`port` in the network namespace with
 * this inode; undefined: nothing. The descriptor stays open. Needs CAP_NET_ADMIN.
 *
 * TCP over IPv4 and nothing similar (MPTCP, SCTP, a unix socket); and non-blocking: a thread that accepts from another one
 * would wait for its guests.
 */
export function listeningSocketFault(fd: number, port: number, netns: number): string | undefined {
  const protocol = getInt(fd, SOL_SOCKET, SO_PROTOCOL);
  if (protocol < 0) return `is no socket (${errnoName(-protocol)})`;
  if (protocol !== IPPROTO_TCP) return 'is no TCP socket';
  if (getInt(fd, SOL_SOCKET, SO_ACCEPTCONN) !== 1) return 'does not listen';
  return addressFault(fd, port) ?? blockingFault(fd) ?? netnsFault(fd, netns);
}

function addressFault(fd: number, port: number): string | undefined {
  const result = readLocal(fd);
  if (result < 0) return `has no address (${errnoName(-result)})`;
  if (readFamily() !== AF_INET) return 'is not of IPv4';
  if (readIp() === parseIpv4(SERVICE_ADDRESS) && readPort() === port) return undefined;
  return `listens on ${formatIpv4(readIp())}:${readPort()}`;
}

function blockingFault(fd: number): string | undefined {
  return (fcntl(fd, F_GETFL, 0) & O_NONBLOCK) === 0 ? 'would block' : undefined;
}

function netnsFault(fd: number, netns: number): string | undefined {
  const space = ioctl(fd, SIOCGSKNS);
  if (space === -Errno.EPERM) return 'is in a network namespace that this process may not look at';
  if (space < 0) return `is in a network namespace that can't be told (${errnoName(-space)})`;
  try {
    return fstatSync(space).ino === netns ? undefined : 'is of another network namespace';
  } finally {
    // closeSync would warn of a descriptor that it did not open, in a worker thread.
    close(space);
  }
}
