import { Errno } from './errno.ts';
import { allocate, cFunction, check, errnoOf } from './ffi.ts';

const cCreate = cFunction('int epoll_create1(int)');
const cCtl = cFunction('int epoll_ctl(int, int, int, uintptr_t)');
const cWait = cFunction('int epoll_wait(int, uintptr_t, int, int)');

const EPOLL_CLOEXEC = 0o2000000;
const CTL_ADD = 1;
const CTL_DEL = 2;
const CTL_MOD = 3;

export const EPOLLIN = 0x001;
/** Urgent data. */
export const EPOLLPRI = 0x002;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 0x8000_0000 | 0;

/** struct epoll_event is packed on x86-64 and nowhere else. Counted in 32-bit words. */
const EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
const DATA_WORD = EVENT_WORDS - 2;
const EVENTS_PER_WAIT = 512;

/**
 * An epoll instance. Each descriptor carries a tag of two 32-bit words (an index and a generation) that comes back with
 * its events.
 */
export class Epoll {
  private readonly fd = check('epoll_create1', cCreate(EPOLL_CLOEXEC));
  private readonly received = allocate(EVENTS_PER_WAIT * EVENT_WORDS * 4);
  private readonly words = new Int32Array(
    this.received.bytes.buffer,
    this.received.bytes.byteOffset,
    EVENTS_PER_WAIT * EVENT_WORDS,
  );
  private readonly control = allocate(EVENT_WORDS * 4);

  /** 0 or a negative errno. */
  add(fd: number, events: number, index: number, generation: number): number {
    return this.ctl(CTL_ADD, fd, events, index, generation);
  }

  /** 0 or a negative errno. */
  modify(fd: number, events: number, index: number, generation: number): number {
    return this.ctl(CTL_MOD, fd, events, index, generation);
  }

  remove(fd: number): void {
    cCtl(this.fd, CTL_DEL, fd, this.control.address);
  }

  private ctl(operation: number, fd: number, events: number, index: number, generation: number): number {
    const { view } = this.control;
    view.setInt32(0, events, true);
    view.setInt32(DATA_WORD * 4, index, true);
    view.setInt32(DATA_WORD * 4 + 4, generation, true);
    return cCtl(this.fd, operation, fd, this.control.address) < 0 ? -errnoOf() : 0;
  }

  /** Number of events, 0 after `timeoutMs` (-1: wait for ever) or a signal. No JavaScript of this thread runs meanwhile. */
  wait(timeoutMs: number): number {
    const n = cWait(this.fd, this.received.address, EVENTS_PER_WAIT, timeoutMs);
    if (n >= 0) return n;
    if (errnoOf() === Errno.EINTR) return 0;
    return check('epoll_wait', n);
  }

  events(at: number): number {
    return this.words[at * EVENT_WORDS] ?? 0;
  }

  index(at: number): number {
    return this.words[at * EVENT_WORDS + DATA_WORD] ?? 0;
  }

  generation(at: number): number {
    return this.words[at * EVENT_WORDS + DATA_WORD + 1] ?? 0;
  }
}
