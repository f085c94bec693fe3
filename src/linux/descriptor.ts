import { Errno } from './errno.ts';
import { cFunction, check, errnoOf } from './ffi.ts';

const cClose = cFunction('int close(int)');
const cRead = cFunction('long read(int, uintptr_t, size_t)');
const cWrite = cFunction('long write(int, uintptr_t, size_t)');
const cFlock = cFunction('int flock(int, int)');
const cEventfd = cFunction('int eventfd(unsigned int, int)');
const cFcntl = cFunction('int fcntl(int, int, int)');

export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Closes a descriptor. On Linux it is gone even when close(2) reports an error, so there is nothing to handle. */
export function close(fd: number): void {
  cClose(fd);
}

/** Bytes read into memory at `address`, or a negative errno. */
export function read(fd: number, address: number, length: number): number {
  const n = cRead(fd, address, length);
  return n < 0 ? -errnoOf() : n;
}

/** Bytes written from memory at `address`, or a negative errno. */
export function write(fd: number, address: number, length: number): number {
  const n = cWrite(fd, address, length);
  return n < 0 ? -errnoOf() : n;
}

/** What fcntl(2) answers to `command`, or a negative errno. */
export function fcntl(fd: number, command: number, argument: number): number {
  const result = cFcntl(fd, command, argument);
  return result < 0 ? -errnoOf() : result;
}

/** A counter that a thread in epoll_wait can be woken with; non-blocking, close-on-exec. */
export function eventfd(): number {
  return check('eventfd', cEventfd(0, O_NONBLOCK | O_CLOEXEC));
}

/** True when the exclusive lock on an open file was got, false when somebody else holds it. */
export function tryLock(fd: number): boolean {
  const result = cFlock(fd, LOCK_EX | LOCK_NB);
  if (result < 0 && errnoOf() === Errno.EAGAIN) return false;
  check('flock', result);
  return true;
}
