import { close, fcntl, O_CLOEXEC, O_NONBLOCK } from './descriptor.ts';
import { allocate, cFunction, errnoOf } from './ffi.ts';

const cPipe2 = cFunction('int pipe2(uintptr_t, int)');
const cSplice = cFunction('long splice(int, uintptr_t, int, uintptr_t, size_t, unsigned int)');

const F_SETPIPE_SZ = 1031;
const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;

const ends = allocate(8);

/** A pipe that bytes pass through on their way from socket to socket, without being copied to user space. */
export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/** A pipe of up to `capacity` bytes (the kernel may grant less), or a negative errno. */
export function openPipe(capacity: number): Pipe | number {
  if (cPipe2(ends.address, O_NONBLOCK | O_CLOEXEC) < 0) return -errnoOf();
  const pipe = { readEnd: ends.view.getInt32(0, true), writeEnd: ends.view.getInt32(4, true) };
  fcntl(pipe.writeEnd, F_SETPIPE_SZ, capacity);
  return pipe;
}

export function closePipe(pipe: Pipe): void {
  close(pipe.readEnd);
  close(pipe.writeEnd);
}

/** Bytes moved, 0 at the end of the stream, or a negative errno; -EAGAIN when either side is not ready. */
export function splice(from: number, to: number, length: number): number {
  const n = cSplice(from, 0, to, 0, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  return n < 0 ? -errnoOf() : n;
}
