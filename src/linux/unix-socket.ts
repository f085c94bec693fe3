import { SyscallError } from '../errors.ts';
import { close } from './descriptor.ts';
import { Errno } from './errno.ts';
import { check } from './ffi.ts';
import {
  AF_UNIX,
  address,
  connectTo,
  getOption,
  listenOn,
  openSocket,
  option,
  SOCK_SEQPACKET,
  SOL_SOCKET,
  UNIX_PATH_MAX,
} from './socket-calls.ts';

const SO_PEERCRED = 17;
const UCRED_BYTES = 12;

/** A listening unix socket that keeps message borders, at `path`, which must not exist. */
export function seqpacketListen(path: string, backlog: number): number {
  const fd = check('socket', openSocket(AF_UNIX, SOCK_SEQPACKET));
  try {
    listenOn(fd, writeUnix(path), backlog, path);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A connected, non-blocking seqpacket socket, or a negative errno (-ENOENT, -ECONNREFUSED: nobody listens). */
export function seqpacketConnect(path: string): number {
  const length = writeUnix(path);
  const fd = openSocket(AF_UNIX, SOCK_SEQPACKET);
  if (fd < 0) return fd;
  const result = connectTo(fd, length);
  if (result === 0) return fd;
  close(fd);
  return result;
}

/** Who is at the other end of a unix socket, as of the moment it connected. */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export function peerCredentials(fd: number): Credentials {
  check('getsockopt', getOption(fd, SOL_SOCKET, SO_PEERCRED, UCRED_BYTES), 'SO_PEERCRED');
  const { view } = option;
  return { pid: view.getInt32(0, true), uid: view.getUint32(4, true), gid: view.getUint32(8, true) };
}

/** Puts a `sockaddr` with this path into `address`; its length. */
function writeUnix(path: string): number {
  const length = Buffer.byteLength(path);
  if (length >= UNIX_PATH_MAX) throw new SyscallError('bind', Errno.ENAMETOOLONG, 'ENAMETOOLONG', path);
  address.view.setUint16(0, AF_UNIX, true);
  address.bytes.fill(0, 2);
  address.bytes.write(path, 2);
  return 2 + length + 1;
}
