import { SyscallError } from '../errors.ts';
import { eventfd, read, write } from '../linux/descriptor.ts';
import { EPOLLIN, Epoll } from '../linux/epoll.ts';
import { allocate, errnoName } from '../linux/ffi.ts';

/** Somebody who owns a descriptor and hears of its events (a mask of EPOLLIN, EPOLLOUT, …). */
export interface EventTarget {
  onEvents(events: number): void;
}

/** Handle of a registration; 0 is none. */
export type Registration = number;

const TICK_MS = 100;

/**
 * A single-threaded event loop on epoll, for threads that do nothing else: while it waits no other JavaScript of the
 * thread runs. An event carries the slot it was registered in and the slot's generation, so that what is still queued for
 * a closed descriptor never reaches the one that got its number.
 */
export class Reactor {
  private readonly epoll = new Epoll();
  private readonly targets: (EventTarget | undefined)[] = [undefined];
  private readonly generations: number[] = [0];
  private readonly free: number[] = [];
  private soon: (() => void)[] = [];
  private readonly wakeFd = eventfd();
  private readonly counter = allocate(8);
  private readonly ticks: ((now: number) => boolean)[] = [];
  private lastTick = 0;
  private running = false;
  /** Counts turns. */
  turn = 0;
  /** Monotonic clock in milliseconds, read once per turn. */
  now = performance.now();

  constructor(onWake: () => void) {
    const wake: EventTarget = {
      onEvents: () => {
        read(this.wakeFd, this.counter.address, 8);
        onWake();
      },
    };
    this.add(this.wakeFd, EPOLLIN, wake);
  }

  /** Descriptor to write eight bytes to from another thread (`wake`). */
  get wakeDescriptor(): number {
    return this.wakeFd;
  }

  /** Throws when the kernel refuses (ENOMEM, ENOSPC: fs.epoll.max_user_watches). */
  add(fd: number, events: number, target: EventTarget): Registration {
    const slot = this.free.pop() ?? this.targets.length;
    const generation = ((this.generations[slot] ?? 0) + 1) | 0;
    this.generations[slot] = generation;
    const result = this.epoll.add(fd, events, slot, generation);
    if (result < 0) {
      this.targets[slot] = undefined;
      this.free.push(slot);
      throw new SyscallError('epoll_ctl', -result, errnoName(-result));
    }
    this.targets[slot] = target;
    return slot;
  }

  modify(registration: Registration, fd: number, events: number): void {
    this.epoll.modify(fd, events, registration, this.generations[registration] ?? 0);
  }

  /** Forgets a descriptor that is about to be closed; closing takes it out of epoll. */
  forget(registration: Registration): void {
    if (registration === 0) return;
    this.targets[registration] = undefined;
    this.generations[registration] = ((this.generations[registration] ?? 0) + 1) | 0;
    this.free.push(registration);
  }

  /** Forgets a descriptor that stays open. */
  remove(registration: Registration, fd: number): void {
    if (registration === 0) return;
    this.epoll.remove(fd);
    this.forget(registration);
  }

  /** Runs `task` after the events of this turn; what a task defers comes after those of the next. */
  defer(task: () => void): void {
    this.soon.push(task);
  }

  /** `tick(now)` is called about every 100 ms for as long as one of them answers that it is needed. */
  onTick(tick: (now: number) => boolean): void {
    this.ticks.push(tick);
  }

  /** Takes turns until `stop()`. */
  run(): void {
    this.running = true;
    let ticking = true;
    while (this.running) {
      const timeout = this.soon.length > 0 ? 0 : ticking ? TICK_MS : -1;
      const count = this.epoll.wait(timeout);
      this.now = performance.now();
      this.turn += 1;
      for (let i = 0; i < count; i++) {
        const slot = this.epoll.index(i);
        if (this.generations[slot] !== this.epoll.generation(i)) continue;
        this.targets[slot]?.onEvents(this.epoll.events(i));
      }
      if (this.soon.length > 0) {
        const tasks = this.soon;
        this.soon = [];
        for (const task of tasks) task();
      }
      if (!ticking || this.now - this.lastTick >= TICK_MS) {
        this.lastTick = this.now;
        ticking = false;
        for (const tick of this.ticks) ticking = tick(this.now) || ticking;
      }
    }
  }

  stop(): void {
    this.running = false;
  }
}

const one = allocate(8);
one.view.setBigUint64(0, 1n, true);

/** Wakes the reactor that owns `descriptor`, from any thread. */
export function wake(descriptor: number): void {
  write(descriptor, one.address, 8);
}
