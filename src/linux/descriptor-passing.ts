import { SyscallError } from '../errors.ts';
import { close } from './descriptor.ts';
import { Errno } from './errno.ts';
import { allocate, cFunction, errnoName, errnoOf } from './ffi.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL, SOL_SOCKET } from './socket-calls.ts';

const cSendmsg = cFunction('long sendmsg(int, uintptr_t, int)');
const cRecvmsg = cFunction('long recvmsg(int, uintptr_t, int)');

const MSG_CTRUNC = 0x08;
const MSG_TRUNC = 0x20;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const SCM_RIGHTS = 1;

/** The most descriptors one message can carry (SCM_MAX_FD of the kernel). */
export const DESCRIPTORS_PER_MESSAGE = 253;
export const MESSAGE_BYTES = 64 * 1024;

// struct cmsghdr: length (8), level (4), type (4), then the descriptors.
const CMSG_HEADER_BYTES = 16;
const CONTROL_BYTES = CMSG_HEADER_BYTES + 4 * 256;

// struct msghdr: name (8), namelen (4 + 4), iov (8), iovlen (8), control (8), controllen (8), flags (4 + 4).
const header = allocate(56);
const vector = allocate(16);
const control = allocate(CONTROL_BYTES);
header.view.setBigUint64(16, BigInt(vector.address), true);
header.view.setBigUint64(24, 1n, true);
header.view.setBigUint64(32, BigInt(control.address), true);

/** Payload of the message to send. One per thread: fill it right before `sendMessage`. */
export const outgoing = allocate(MESSAGE_BYTES);
/** Payload of the message just received. One per thread: read it before the next `receiveMessage`. */
export const incoming = allocate(MESSAGE_BYTES);

/** The eight bytes of an address as the float that has the same bits: a BigInt for each message would cost more. */
function addressBits(address: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setBigUint64(0, BigInt(address), true);
  return bits.getFloat64(0, true);
}

const OUTGOING = addressBits(outgoing.address);
const INCOMING = addressBits(incoming.address);

/** A size_t; the upper half stays 0. */
function setLength(at: number, length: number, structure: typeof header): void {
  structure.view.setUint32(at, length, true);
  structure.view.setUint32(at + 4, 0, true);
}

/**
 * Sends the first `length` bytes of `outgoing` with copies of `descriptors` as one message. The sender's descriptors stay
 * open. 0, or a negative errno: -EAGAIN when the queue is full, -ETOOMANYREFS when too many descriptors are under way.
 */
export function sendMessage(fd: number, length: number, descriptors: readonly number[] = []): number {
  vector.view.setFloat64(0, OUTGOING, true);
  setLength(8, length, vector);
  if (descriptors.length === 0) {
    setLength(40, 0, header);
  } else {
    const bytes = CMSG_HEADER_BYTES + 4 * descriptors.length;
    setLength(0, bytes, control);
    control.view.setInt32(8, SOL_SOCKET, true);
    control.view.setInt32(12, SCM_RIGHTS, true);
    for (let i = 0; i < descriptors.length; i++)
      control.view.setInt32(CMSG_HEADER_BYTES + 4 * i, descriptors[i] ?? -1, true);
    // CMSG_SPACE: the kernel wants the padding counted.
    setLength(40, (bytes + 7) & ~7, header);
  }
  return cSendmsg(fd, header.address, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errnoOf() : 0;
}

function receiveOnce(fd: number): number {
  vector.view.setFloat64(0, INCOMING, true);
  setLength(8, MESSAGE_BYTES, vector);
  setLength(40, CONTROL_BYTES, header);
  header.view.setInt32(48, 0, true);
  const n = cRecvmsg(fd, header.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  return n < 0 ? -errnoOf() : n;
}

/**
 * Receives one message into `incoming` and appends its descriptors (close-on-exec) to `descriptors`. Its length, 0 when the
 * other side is gone (or said nothing at all in its message), or a negative errno. A message that did not fit, or whose
 * descriptors did not (the process is out of them), throws: what arrived of them is closed, the rest is lost.
 */
export function receiveMessage(fd: number, descriptors: number[]): number {
  let n = receiveOnce(fd);
  // Said once, and ahead of the messages that still wait, when the other side went away without having read all of ours.
  if (n === -Errno.ECONNRESET) n = receiveOnce(fd);
  if (n < 0) return n;
  const first = descriptors.length;
  const controlLength = header.view.getUint32(40, true);
  if (controlLength > CMSG_HEADER_BYTES && control.view.getInt32(12, true) === SCM_RIGHTS) {
    const count = (control.view.getUint32(0, true) - CMSG_HEADER_BYTES) >> 2;
    for (let i = 0; i < count; i++) descriptors.push(control.view.getInt32(CMSG_HEADER_BYTES + 4 * i, true));
  }
  if (n === 0) for (const stray of descriptors.splice(first)) close(stray);
  const flags = header.view.getInt32(48, true);
  if ((flags & (MSG_TRUNC | MSG_CTRUNC)) !== 0) {
    for (const stray of descriptors.splice(first)) close(stray);
    const errno = (flags & MSG_CTRUNC) !== 0 ? Errno.EMFILE : Errno.EMSGSIZE;
    throw new SyscallError('recvmsg', errno, errnoName(errno), 'message cut off');
  }
  return n;
}
