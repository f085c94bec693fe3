import { expect, test } from 'vitest';
import type { Relay } from '../../../src/dataplane/relay.ts';
import { ioctl, option } from '../../../src/linux/socket-calls.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import { amount } from '../../support/amount.ts';
import { reset, seeded, sendBytes, sendUrgent } from '../linux/endpoints.ts';
import { FaultyCalls, type Joint } from './faulty-calls.ts';
import { RecordedCalls } from './pipe-calls.ts';
import { RelayBench, StreamReader, StreamWriter, type Wire } from './relay-bench.ts';

const FIONREAD = 0x541b;
const MIB = 1 << 20;
const RELAYS = amount(120, 30);
const AT_ONCE = 12;

/** What becomes of a relay. */
type Fate = 'guest breaks off' | 'upstream breaks off' | 'is cut' | 'a call fails' | 'is left alone';
const FATES: readonly Fate[] = [
  'guest breaks off',
  'upstream breaks off',
  'is cut',
  'a call fails',
  'is left alone',
  'is left alone',
];

/** A far end of a relay, under random load. */
class FarEnd {
  readonly total: number;
  readonly writer: StreamWriter;
  readonly reader: StreamReader;
  /** Reset by either side: nothing is asked of it any more. */
  isGone = false;
  private isOpen = true;
  private readonly fd: number;
  private readonly random: () => number;

  constructor(random: () => number, fd: number, says: number, hears: number) {
    const sizes = () => 2 ** (4 + random() * 14);
    this.random = random;
    this.fd = fd;
    this.total = Math.floor(random() * MIB);
    this.writer = new StreamWriter(fd, says, this.total, sizes);
    this.reader = new StreamReader(fd, hears, sizes);
  }

  step(): void {
    try {
      for (let n = this.random() * 4; n > 1 && !this.isGone; n--) this.writer.step();
      for (let n = this.random() * 4; n > 1 && !this.isGone; n--) this.reader.step();
    } catch (error) {
      // That it was reset is in order; wrong bytes are not.
      if (!/errno (32|104)$/.test(String(error))) throw error;
      this.isGone = true;
    }
  }

  breakOff(bench: RelayBench): void {
    if (this.isGone) return;
    this.isGone = true;
    this.isOpen = false;
    reset(bench.disown(this.fd));
  }

  hangUp(bench: RelayBench): void {
    if (this.isOpen) bench.hangUp(this.fd);
  }
}

interface Load {
  readonly wire: Wire;
  readonly joint: Joint;
  readonly guest: FarEnd;
  readonly upstream: FarEnd;
  readonly fate: Fate;
  /** It comes when this many bytes have arrived. */
  readonly fateAt: number;
}

/** Puts `RELAYS` relays under random load, some at a time, and judges each when it has ended. */
function storm(seed: number, bench: RelayBench, calls: FaultyCalls): { whole: number; harmed: number } {
  const [random, fates] = [seeded(seed * 7919), seeded(seed * 104_729)];
  const living = new Set<Load>();
  const count = { whole: 0, harmed: 0 };
  const cuts: Relay[] = [];
  const step = ({ wire, guest, upstream, fate, fateAt }: Load): void => {
    for (const end of [guest, upstream]) end.step();
    if (guest.reader.received + upstream.reader.received < fateAt) return;
    if (fate === 'guest breaks off') guest.breakOff(bench);
    if (fate === 'upstream breaks off') upstream.breakOff(bench);
    if (fate === 'is cut') cuts.push(wire.relay);
  };
  calls.meanwhile = () => {
    for (const load of living) if (random() < 0.3) step(load);
  };
  const begin = (number: number): void => {
    const wire = bench.open();
    const fate = FATES[Math.floor(fates() * FATES.length)] ?? 'is left alone';
    const good = fate === 'a call fails' ? Math.floor(fates() * 20) : Number.POSITIVE_INFINITY;
    const joint = calls.join(wire.guestSide, wire.upstreamSide, good);
    const guest = new FarEnd(random, wire.guest, 2 * number, 2 * number + 1);
    const upstream = new FarEnd(random, wire.upstream, 2 * number + 1, 2 * number);
    living.add({ wire, joint, guest, upstream, fate, fateAt: fates() * MIB });
  };
  const judge = (load: Load): void => {
    const { wire, joint, guest, upstream, fate } = load;
    const outcome = bench.ended.get(wire.relay);
    if (outcome !== 'closed') {
      count.harmed += 1;
      expect(fate).not.toBe('is left alone');
      expect(joint.hasFailed).toBe(fate === 'a call fails');
    } else if (!guest.isGone && !upstream.isGone) {
      expect([guest.reader.received, upstream.reader.received]).toEqual([upstream.total, guest.total]);
      count.whole += 1;
    }
    for (const end of [guest, upstream]) end.hangUp(bench);
    living.delete(load);
  };
  let begun = 0;
  bench.until(
    'all relays to end',
    () => {
      for (; begun < RELAYS && living.size < AT_ONCE; begun++) begin(begun);
      for (const load of living) {
        step(load);
        // Not in the middle of a move.
        for (const relay of cuts.splice(0)) relay.cut('cut');
        const isQuiet = [load.guest, load.upstream].every(({ isGone, reader }) => isGone || reader.done);
        if (isQuiet && bench.ended.has(load.wire.relay)) judge(load);
      }
      return begun === RELAYS && living.size === 0 ? true : undefined;
    },
    50_000,
  );
  return count;
}

test.each([1, 2, 3, 4])(
  'whatever goes wrong, no pipe gives one relay the bytes of another, seed %i',
  (seed) => {
    const calls = new FaultyCalls(seeded(seed));
    const bench = new RelayBench({ narrow: seed % 2 === 0, shared: seed > 2, calls });
    const { whole, harmed } = storm(seed, bench, calls);
    // All that can go wrong did, and some went well.
    expect(whole).toBeGreaterThan(5);
    for (const times of [harmed, ...Object.values(calls.count)]) expect(times).toBeGreaterThan(0);
    for (const { readEnd } of calls.open) {
      expect(ioctl(readEnd, FIONREAD)).toBe(0);
      expect(option.view.getInt32(0, true)).toBe(0);
    }
  },
);

/** Says this at the guest's end once, in the middle of the next move of bulk. */
class Interjection extends RecordedCalls {
  say: (() => void) | undefined = undefined;

  override splice(from: number, to: number, length: number): number {
    const n = super.splice(from, to, length);
    if (n <= 0) return n;
    this.say?.();
    this.say = undefined;
    return n;
  }
}

test('urgent data, more, and the end, all of it while bulk is being moved: what follows the mark arrives', () => {
  const calls = new Interjection();
  const bench = new RelayBench({ calls });
  const wire = bench.open();
  bench.turn();
  calls.say = () => {
    sendUrgent(wire.guest, '!');
    sendBytes(wire.guest, Buffer.from('after'));
    shutdownWrite(wire.guest);
  };
  const bulk = 'abcdefgh'.repeat(20_000);
  sendBytes(wire.guest, Buffer.from(bulk));
  expect(bench.text(wire.upstream, bulk.length)).toBe(bulk);
  expect(bench.text(wire.upstream, 5)).toBe('after');
  expect(bench.end(wire.upstream)).toBe(0);
});
