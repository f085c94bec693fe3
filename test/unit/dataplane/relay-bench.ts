import { onTestFinished } from 'vitest';
import { Bridge } from '../../../src/dataplane/bridge.ts';
import { Guest } from '../../../src/dataplane/guests.ts';
import type { Outcome } from '../../../src/dataplane/outcome.ts';
import { Pipes } from '../../../src/dataplane/pipes.ts';
import { Reactor } from '../../../src/dataplane/reactor.ts';
import { Relay, type RelayOwner } from '../../../src/dataplane/relay.ts';
import { Timers } from '../../../src/dataplane/relay-timers.ts';
import type { ServiceSocketsOwner } from '../../../src/dataplane/service-sockets.ts';
import { Turns } from '../../../src/dataplane/turns.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import {
  acceptSoon,
  dial,
  LOOPBACK,
  listenLocal,
  narrowDown,
  receiveBytes,
  seeded,
  sendBytes,
} from '../linux/endpoints.ts';
import { settings } from './dataplane-bench.ts';
import { RecordedCalls } from './pipe-calls.ts';

/** Time limits in milliseconds; 0: off. They are, unless stated. */
export interface BenchOptions {
  readonly connectMs?: number;
  readonly youngMs?: number;
  readonly lingerMs?: number;
  readonly idleMs?: number;
  readonly keepaliveS?: number;
  /** Small segments and kernel buffers on both sides. */
  readonly narrow?: boolean;
  /** Another guest wants something in every turn. */
  readonly shared?: boolean;
  /** What its pipes are made of. */
  readonly calls?: RecordedCalls;
}

/** A relay with both far ends in the hands of the test. */
export interface Wire {
  readonly relay: Relay;
  /** The guest's socket. */
  readonly guest: number;
  /** The upstream's socket. */
  readonly upstream: number;
  /** The relay's own descriptors. */
  readonly guestSide: number;
  readonly upstreamSide: number;
}

interface RelayOptions {
  /** What the upstream hears first. */
  readonly header?: Buffer;
  /** Another one than that of the other relays. */
  readonly guest?: Guest;
}

/** The bench's bridge has no service sockets. */
const NO_SOCKETS = {} as ServiceSocketsOwner<Bridge>;

const EAGER_TURNS = 2000;
const clock = new Int32Array(new SharedArrayBuffer(4));

/** Leaves the processor to others for a millisecond. */
function rest(): void {
  Atomics.wait(clock, 0, 0, 1);
}

/** Relays on a reactor that the test turns by hand, in its own thread. Everything is closed when the test has finished. */
export class RelayBench implements RelayOwner {
  readonly reactor = new Reactor(() => undefined);
  readonly turns = new Turns(this.reactor);
  readonly calls: RecordedCalls;
  readonly pipes: Pipes;
  readonly timers: Timers;
  /** How relays ended, in order. */
  readonly outcomes: Outcome[] = [];
  readonly ended = new Map<Relay, Outcome>();
  private readonly living = new Set<Relay>();
  private readonly guests = listenLocal();
  private readonly upstreams = listenLocal();
  private readonly opened = new Set<number>([this.guests.fd, this.upstreams.fd]);

  private readonly narrow: boolean;
  private readonly other: Guest | undefined;
  private readonly whose = { bridge: new Bridge(NO_SOCKETS, 'br0', 1), guest: new Guest(1) };

  constructor(options: BenchOptions = {}) {
    const { connectMs = 0, youngMs = 10_000, lingerMs = 0, idleMs = 0, keepaliveS = 0 } = options;
    this.timers = new Timers(settings({ connectMs, lingerMs, idleMs, keepaliveS }), youngMs);
    this.calls = options.calls ?? new RecordedCalls();
    this.pipes = new Pipes(this.calls);
    this.narrow = options.narrow ?? false;
    this.other = options.shared ? new Guest(0) : undefined;
    if (this.narrow) for (const { fd } of [this.guests, this.upstreams]) narrowDown(fd);
    onTestFinished(() => this.dispose());
    this.reactor.onTick((now) => this.timers.expire(now));
  }

  finished(relay: Relay, outcome: Outcome): void {
    if (this.ended.has(relay)) throw new Error('a relay ended twice');
    this.living.delete(relay);
    this.ended.set(relay, outcome);
    this.outcomes.push(outcome);
  }

  /** A relay whose upstream, at `port`, answers as it likes. */
  attempt(port: number, { header, guest: one }: RelayOptions = {}): Omit<Wire, 'upstream'> {
    const guest = this.keep(dial(this.guests.port, this.narrow));
    const guestSide = acceptSoon(this.guests.fd);
    const upstreamSide = dial(port, this.narrow);
    // A turn sets the clock that relays start from.
    if (performance.now() - this.reactor.now > 1) this.turn();
    const parties = {
      servicePort: 80,
      guestIp: LOOPBACK,
      guestPort: 1,
      upstreamIp: LOOPBACK,
      upstreamPort: port,
    };
    const whose = one === undefined ? this.whose : { ...this.whose, guest: one };
    const relay = new Relay(this, whose, { downstream: guestSide, upstream: upstreamSide }, parties, header);
    this.living.add(relay);
    return { relay, guest, guestSide, upstreamSide };
  }

  /** A relay whose upstream is the test. */
  open(options: RelayOptions = {}): Wire {
    const started = this.attempt(this.upstreams.port, options);
    return { ...started, upstream: this.keep(acceptSoon(this.upstreams.fd)) };
  }

  /** Sends all of `data` while relays work. */
  push(fd: number, data: Buffer): void {
    let sent = 0;
    this.until(`${data.length} bytes to be sent`, () => {
      const n = sendBytes(fd, data.subarray(sent));
      if (n > 0) sent += n;
      else if (n !== 0 && n !== -Errno.EAGAIN) throw new Error(`write: errno ${-n}`);
      return sent === data.length ? true : undefined;
    });
  }

  /** Runs writers and readers until the readers have read the end. */
  transfer(writers: readonly StreamWriter[], readers: readonly StreamReader[]): void {
    this.until(
      'the streams to arrive',
      () => {
        for (const each of [...writers, ...readers]) each.step();
        return readers.every(({ done }) => done) ? true : undefined;
      },
      20_000,
    );
  }

  /** Closes sockets of the test, with FIN. */
  hangUp(...fds: number[]): void {
    for (const fd of fds) if (this.opened.delete(fd)) close(fd);
  }

  /** The test closes `fd` itself. */
  disown(fd: number): number {
    this.opened.delete(fd);
    return fd;
  }

  keep(fd: number): number {
    this.opened.add(fd);
    return fd;
  }

  turn(): void {
    if (this.other !== undefined) this.turns.begin(this.other);
    this.reactor.defer(() => this.reactor.stop());
    this.reactor.run();
  }

  /** Turns until `look` answers something else than undefined; throws when that takes too long. */
  until<T>(what: string, look: () => T | undefined, limitMs = 8000): T {
    const deadline = performance.now() + limitMs;
    for (let turns = 0; ; turns++) {
      this.turn();
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
      // What is a matter of microseconds has been tried often enough: it waits for a clock.
      if (turns > EAGER_TURNS) rest();
    }
  }

  /** Turns for `ms` milliseconds. */
  pass(ms: number): void {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      this.turn();
      rest();
    }
  }

  /** The next `length` bytes at `fd` as text. */
  text(fd: number, length: number): string {
    let text = '';
    return this.until(`${length} bytes`, () => {
      const got = receiveBytes(fd, length - text.length);
      if (typeof got === 'number') {
        if (got !== -Errno.EAGAIN) throw new Error(`the stream ended with ${got} after '${text}'`);
      } else text += got.toString('latin1');
      return text.length === length ? text : undefined;
    });
  }

  /** How the stream at `fd` ends: 0 or a negative errno. */
  end(fd: number): number {
    return this.until('the end of the stream', () => {
      const got = receiveBytes(fd);
      if (typeof got !== 'number') throw new Error(`${got.length} bytes instead of the end of the stream`);
      return got === -Errno.EAGAIN ? undefined : got;
    });
  }

  outcome(wire: { readonly relay: Relay }, limitMs?: number): Outcome {
    return this.until('the end of the relay', () => this.ended.get(wire.relay), limitMs);
  }

  /** Closes all sockets and ends all relays. */
  private dispose(): void {
    for (const fd of this.opened) close(fd);
    this.opened.clear();
    for (const relay of this.living) relay.cut('cut');
    this.calls.dispose();
  }
}

const CYCLE = 1_048_573;
const MOST = 256 * 1024;
const random = seeded(7);
const cycle = Buffer.from(
  Uint32Array.from({ length: CYCLE / 4 + 1 }, () => random() * 0x1_0000_0000).buffer,
).subarray(0, CYCLE);
/** One cycle and as much of the next as one call may want. */
const pattern = Buffer.concat([cycle, cycle.subarray(0, MOST)]);

/** The bytes of stream number `seed` from `at` on. */
function expected(seed: number, at: number, length: number): Buffer {
  const start = (at + seed * 7919) % CYCLE;
  return pattern.subarray(start, start + length);
}

/** Writes a stream of `total` bytes that no other seed has, then FIN. */
export class StreamWriter {
  sent = 0;
  done = false;
  private readonly fd: number;
  private readonly seed: number;
  private readonly total: number;
  private readonly chunk: () => number;
  private readonly finish: boolean;

  constructor(fd: number, seed: number, total: number, chunk: () => number = () => MOST, finish = true) {
    this.fd = fd;
    this.seed = seed;
    this.total = total;
    this.chunk = chunk;
    this.finish = finish;
  }

  /** Writes a piece if there is room for one. */
  step(): void {
    if (this.done) return;
    const length = Math.min(MOST, Math.max(1, Math.floor(this.chunk())), this.total - this.sent);
    const n = length === 0 ? 0 : sendBytes(this.fd, expected(this.seed, this.sent, length));
    if (n === -Errno.EAGAIN) return;
    if (n < 0) throw new Error(`write after ${this.sent} bytes: errno ${-n}`);
    this.sent += n;
    if (this.sent < this.total) return;
    this.done = true;
    if (this.finish) shutdownWrite(this.fd);
  }
}

/** Reads the stream of a `StreamWriter` and throws at the first byte that is wrong. */
export class StreamReader {
  received = 0;
  /** FIN was read. */
  done = false;
  private readonly fd: number;
  private readonly seed: number;
  private readonly chunk: () => number;

  constructor(fd: number, seed: number, chunk: () => number = () => MOST) {
    this.fd = fd;
    this.seed = seed;
    this.chunk = chunk;
  }

  step(): void {
    if (this.done) return;
    const got = receiveBytes(this.fd, Math.min(MOST, Math.max(1, Math.floor(this.chunk()))));
    if (got === -Errno.EAGAIN) return;
    if (got === 0) {
      this.done = true;
      return;
    }
    if (typeof got === 'number') throw new Error(`read after ${this.received} bytes: errno ${-got}`);
    if (!got.equals(expected(this.seed, this.received, got.length)))
      throw new Error(`wrong bytes between ${this.received} and ${this.received + got.length}`);
    this.received += got.length;
  }
}
