import { describe, expect, test } from 'vitest';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import {
  dial,
  listenLocal,
  openDescriptors,
  receiveText,
  reset,
  seeded,
  sendBytes,
  sendUrgent,
} from '../linux/endpoints.ts';
import { NoPipes, RecordedCalls } from './pipe-calls.ts';
import { type BenchOptions, RelayBench, StreamReader, StreamWriter } from './relay-bench.ts';

const MIB = 1 << 20;

/** A way that the data path can be in. */
export interface Mode {
  /** There are pipes to splice through; otherwise everything is copied. */
  readonly pipes: boolean;
  /** Other guests want something all the time, so that no flow may do more than a little in a turn. */
  readonly shared: boolean;
}

/** What holds of a relay in every mode of the data path. */
export function relaySuites(mode: Mode): void {
  const makeBench = (options: BenchOptions = {}) =>
    new RelayBench({
      shared: mode.shared,
      calls: mode.pipes ? new RecordedCalls() : new NoPipes(),
      ...options,
    });

  describe('small messages', () => {
    test('go both ways in turn, without a pipe', () => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.guest, Buffer.from('first'));
      expect(bench.text(wire.upstream, 5)).toBe('first');
      const descriptors = openDescriptors();
      for (let i = 0; i < 300; i++) {
        const question = `question ${i}`;
        const answer = `answer ${i}`.padEnd(1 + ((i * 53) % 9000), '.');
        bench.push(wire.guest, Buffer.from(question));
        expect(bench.text(wire.upstream, question.length)).toBe(question);
        bench.push(wire.upstream, Buffer.from(answer));
        expect(bench.text(wire.guest, answer.length)).toBe(answer);
      }
      expect(openDescriptors()).toBe(descriptors);
      expect(wire.relay.bytesToGuest).toBeGreaterThan(300 * 1000);
      expect(wire.relay.bytesToUpstream).toBe(
        5 + Array.from({ length: 300 }, (_, i) => `question ${i}`.length).reduce((a, b) => a + b),
      );
    });

    test('that the guest says before the upstream has answered arrive', () => {
      const bench = makeBench();
      const wire = bench.open();
      sendBytes(wire.guest, Buffer.from('impatient'));
      expect(bench.text(wire.upstream, 9)).toBe('impatient');
    });

    test('that the upstream says first arrive', () => {
      const bench = makeBench();
      const wire = bench.open();
      sendBytes(wire.upstream, Buffer.from('220 ready'));
      expect(bench.text(wire.guest, 9)).toBe('220 ready');
    });

    test('exactly as long as the copy buffer, and one more or less, arrive without more to push them', () => {
      const bench = makeBench();
      const wire = bench.open();
      for (const length of [16_383, 16_384, 16_385, 32_768, 1]) {
        const text = 'abcdefgh'.repeat(5000).slice(0, length);
        bench.push(wire.guest, Buffer.from(text));
        expect(bench.text(wire.upstream, length)).toBe(text);
      }
    });
  });

  describe('last words', () => {
    test.each([1, 1000, 16_383, 16_384, 16_385, 60_000])(
      '%i bytes and their end at once arrive',
      (length) => {
        const bench = makeBench();
        const wire = bench.open();
        bench.push(wire.guest, Buffer.from('?'));
        bench.text(wire.upstream, 1);
        bench.pass(5);
        const text = 'abcdefgh'.repeat(10_000).slice(0, length);
        expect(sendBytes(wire.upstream, Buffer.from(text))).toBe(length);
        shutdownWrite(wire.upstream);
        expect(bench.text(wire.guest, length)).toBe(text);
        expect(bench.end(wire.guest)).toBe(0);
        // The other direction is open still.
        bench.push(wire.guest, Buffer.from('and you?'));
        expect(bench.text(wire.upstream, 8)).toBe('and you?');
        bench.hangUp(wire.guest);
        expect(bench.outcome(wire)).toBe('closed');
      },
    );

    test('of both sides at once arrive', () => {
      const bench = makeBench();
      const wire = bench.open();
      bench.turn();
      for (const fd of [wire.guest, wire.upstream]) {
        sendBytes(fd, Buffer.from('goodbye'));
        shutdownWrite(fd);
      }
      expect(bench.text(wire.guest, 7)).toBe('goodbye');
      expect(bench.text(wire.upstream, 7)).toBe('goodbye');
      expect(bench.outcome(wire)).toBe('closed');
    });

    test('with urgent data among them arrive whole', () => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.guest, Buffer.from('hello'));
      bench.text(wire.upstream, 5);
      sendBytes(wire.guest, Buffer.from('before '));
      sendUrgent(wire.guest, '!');
      sendBytes(wire.guest, Buffer.from('after'));
      shutdownWrite(wire.guest);
      expect(bench.text(wire.upstream, 12)).toBe('before after');
      expect(bench.end(wire.upstream)).toBe(0);
    });

    test('for a guest that has no room for them wait until it has', () => {
      const bench = makeBench({ narrow: true });
      const wire = bench.open();
      bench.turn();
      const text = 'abcdefgh'.repeat(10_000);
      bench.push(wire.upstream, Buffer.from(text));
      shutdownWrite(wire.upstream);
      bench.pass(20);
      expect(bench.text(wire.guest, text.length)).toBe(text);
      expect(bench.end(wire.guest)).toBe(0);
    });
  });

  describe('streams', () => {
    test('bulk in both directions at once arrives unharmed, through pipes if there are any', () => {
      const bench = makeBench();
      const wire = bench.open();
      bench.turn();
      const writers = [
        new StreamWriter(wire.guest, 1, 24 * MIB),
        new StreamWriter(wire.upstream, 2, 24 * MIB),
      ];
      const readers = [new StreamReader(wire.upstream, 1), new StreamReader(wire.guest, 2)];
      bench.until('both streams to arrive', () => {
        for (const each of [...writers, ...readers]) each.step();
        return readers.every(({ done }) => done) ? true : undefined;
      });
      if (mode.pipes) expect(bench.calls.open.size).toBeGreaterThan(0);
      else expect(bench.calls.open.size).toBe(0);
      expect(readers.map(({ received }) => received)).toEqual([24 * MIB, 24 * MIB]);
      expect(bench.outcome(wire)).toBe('closed');
      expect([wire.relay.bytesToUpstream, wire.relay.bytesToGuest]).toEqual([24 * MIB, 24 * MIB]);
    });

    test.each([1, 2, 3, 4, 5, 6])('random pieces and paces, both directions at once, seed %i', (seed) => {
      const random = seeded(seed * 7919);
      const bench = makeBench({ narrow: seed % 2 === 0 });
      const wire = bench.open();
      const sizes = () => 2 ** (random() * 18);
      const total = () => Math.floor((0.2 + random()) * 3 * MIB);
      const totals = [total(), total()] as const;
      const writers = [
        new StreamWriter(wire.guest, seed, totals[0], sizes),
        new StreamWriter(wire.upstream, seed + 100, totals[1], sizes),
      ];
      const readers = [
        new StreamReader(wire.upstream, seed, sizes),
        new StreamReader(wire.guest, seed + 100, sizes),
      ];
      bench.until(
        'both streams to arrive',
        () => {
          for (const each of [...writers, ...readers]) for (let n = random() * 6; n > 1; n--) each.step();
          return readers.every(({ done }) => done) ? true : undefined;
        },
        20_000,
      );
      expect(readers.map(({ received }) => received)).toEqual(totals);
      expect(bench.outcome(wire)).toBe('closed');
    });

    test('small, bulk, small again: nothing stalls at the seams', () => {
      const bench = makeBench();
      const wire = bench.open();
      for (let round = 0; round < 5; round++) {
        bench.push(wire.guest, Buffer.from('GET'));
        expect(bench.text(wire.upstream, 3)).toBe('GET');
        const size = 2 * MIB + round;
        const writer = new StreamWriter(wire.upstream, round, size, undefined, false);
        const reader = new StreamReader(wire.guest, round);
        bench.until('the answer', () => {
          writer.step();
          reader.step();
          return reader.received === size ? true : undefined;
        });
      }
      bench.push(wire.guest, Buffer.from('bye'));
      expect(bench.text(wire.upstream, 3)).toBe('bye');
    });

    test('fifty at once share the pipes and mix nothing up', () => {
      const bench = makeBench();
      const wires = Array.from({ length: 50 }, () => bench.open());
      const writers = wires.map((wire, i) => new StreamWriter(wire.upstream, i, 300_000 + i));
      const readers = wires.map((wire, i) => new StreamReader(wire.guest, i));
      for (const wire of wires) shutdownWrite(wire.guest);
      bench.transfer(writers, readers);
      expect(readers.map(({ received }) => received)).toEqual(wires.map((_, i) => 300_000 + i));
      bench.until('all to end', () => (bench.outcomes.length === 50 ? true : undefined));
      expect(new Set(bench.outcomes)).toEqual(new Set(['closed']));
    });

    test('a slow reader slows the writer down, nothing piles up in the process, and nothing is lost', () => {
      const bench = makeBench({ narrow: true });
      const wire = bench.open();
      const writer = new StreamWriter(wire.upstream, 3, 16 * MIB);
      const before = process.memoryUsage();
      let still = 0;
      for (let last = -1; still < 200; still = writer.sent === last ? still + 1 : 0) {
        last = writer.sent;
        writer.step();
        bench.turn();
      }
      const after = process.memoryUsage();
      // A pipe, and what kernels buffer for four small sockets.
      expect(writer.sent).toBeLessThan(4 * MIB);
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(MIB);
      const reader = new StreamReader(wire.guest, 3);
      shutdownWrite(wire.guest);
      bench.transfer([writer], [reader]);
      expect(reader.received).toBe(16 * MIB);
    });

    test('what was read and does not fit is kept until it does', () => {
      const bench = makeBench({ narrow: true });
      const wire = bench.open();
      const text = 'abcdefghijklmnopq'.repeat(30_000);
      let said = 0;
      // In pieces below the copy buffer, until neither kernel nor relay takes more.
      for (let still = 0; still < 50; still++) {
        const n = sendBytes(wire.upstream, Buffer.from(text.slice(said, said + 5000)));
        if (n > 0) {
          said += n;
          still = 0;
        }
        bench.turn();
      }
      expect(said).toBeLessThan(text.length);
      expect(wire.relay.bytesToGuest).toBeLessThan(said);
      expect(bench.text(wire.guest, said)).toBe(text.slice(0, said));
    });
  });

  describe('half-close', () => {
    test('of the guest: the upstream reads the end and its long answer arrives', () => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.guest, Buffer.from('question'));
      shutdownWrite(wire.guest);
      expect(bench.text(wire.upstream, 8)).toBe('question');
      expect(bench.end(wire.upstream)).toBe(0);
      bench.pass(50);
      const [writer, reader] = [new StreamWriter(wire.upstream, 4, 5 * MIB), new StreamReader(wire.guest, 4)];
      bench.transfer([writer], [reader]);
      expect(reader.received).toBe(5 * MIB);
      expect(bench.outcome(wire)).toBe('closed');
    });

    test('of the upstream: the guest reads the end and can still talk', () => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.upstream, Buffer.from('take it'));
      shutdownWrite(wire.upstream);
      expect(bench.text(wire.guest, 7)).toBe('take it');
      expect(bench.end(wire.guest)).toBe(0);
      bench.pass(50);
      const [writer, reader] = [new StreamWriter(wire.guest, 5, 5 * MIB), new StreamReader(wire.upstream, 5)];
      bench.transfer([writer], [reader]);
      expect(reader.received).toBe(5 * MIB);
      expect(bench.outcome(wire)).toBe('closed');
    });

    test('of a guest that never said anything', () => {
      const bench = makeBench();
      const wire = bench.open();
      shutdownWrite(wire.guest);
      expect(bench.end(wire.upstream)).toBe(0);
      bench.push(wire.upstream, Buffer.from('hello'));
      expect(bench.text(wire.guest, 5)).toBe('hello');
    });

    test('right behind bulk that the reader takes slowly: all bytes, then the end', () => {
      const bench = makeBench({ narrow: true });
      const wire = bench.open();
      const [writer, reader] = [
        new StreamWriter(wire.guest, 6, MIB),
        new StreamReader(wire.upstream, 6, () => 5000),
      ];
      bench.until('the guest to have said everything', () => {
        writer.step();
        if (!writer.done) reader.step();
        return writer.done ? true : undefined;
      });
      bench.pass(30);
      bench.transfer([], [reader]);
      expect(reader.received).toBe(MIB);
    });

    test('both at once end the relay, and both see a clean end', () => {
      const bench = makeBench();
      const descriptors = openDescriptors();
      const wire = bench.open();
      shutdownWrite(wire.guest);
      shutdownWrite(wire.upstream);
      expect(bench.outcome(wire)).toBe('closed');
      expect([bench.end(wire.guest), bench.end(wire.upstream)]).toEqual([0, 0]);
      bench.hangUp(wire.guest, wire.upstream);
      expect(openDescriptors()).toBe(descriptors);
    });
  });

  describe('a reset', () => {
    test.each([
      ['guest', 'guest-reset'],
      ['upstream', 'upstream-reset'],
    ] as const)('of the %s becomes a reset of the other side', (who, outcome) => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.guest, Buffer.from('x'));
      bench.text(wire.upstream, 1);
      reset(bench.disown(wire[who]));
      expect(bench.end(wire[who === 'guest' ? 'upstream' : 'guest'])).toBe(-Errno.ECONNRESET);
      expect(bench.outcomes).toEqual([outcome]);
    });

    test.each([
      ['guest', 'guest-reset'],
      ['upstream', 'upstream-reset'],
    ] as const)('of the %s after it has half-closed is passed on at once', (who, outcome) => {
      const bench = makeBench();
      const wire = bench.open();
      const other = who === 'guest' ? 'upstream' : 'guest';
      shutdownWrite(wire[who]);
      expect(bench.end(wire[other])).toBe(0);
      reset(bench.disown(wire[who]));
      expect(bench.outcome(wire, 1000)).toBe(outcome);
      expect(sendBytes(wire[other], Buffer.from('anybody?'))).toBe(-Errno.EPIPE);
    });

    test.each([
      ['guest', 'guest-reset'],
      ['upstream', 'upstream-reset'],
    ] as const)('of a %s in the middle of bulk that it receives', (who, outcome) => {
      const bench = makeBench();
      const wire = bench.open();
      const other = who === 'guest' ? 'upstream' : 'guest';
      const writer = new StreamWriter(wire[other], 8, 64 * MIB);
      const reader = new StreamReader(wire[who], 8);
      bench.until('half a stream', () => {
        writer.step();
        reader.step();
        return reader.received > 4 * MIB ? true : undefined;
      });
      reset(bench.disown(wire[who]));
      expect(bench.outcome(wire)).toBe(outcome);
      expect(bench.end(wire[other])).toBe(-Errno.ECONNRESET);
    });

    test.each([
      ['guest', 'upstream', 'guest-reset'],
      ['upstream', 'guest', 'upstream-reset'],
    ] as const)('of the %s right behind its last words: the %s hears them first', (who, other, outcome) => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.guest, Buffer.from('POST'));
      bench.text(wire.upstream, 4);
      // The relay sees all of it at once, and that it can send no more first.
      sendBytes(wire[other], Buffer.alloc(100_000));
      sendBytes(wire[who], Buffer.from('413 too large'));
      reset(bench.disown(wire[who]));
      expect(bench.outcome(wire)).toBe(outcome);
      expect(receiveText(wire[other], 13)).toBe('413 too large');
      expect(bench.end(wire[other])).toBe(-Errno.ECONNRESET);
    });

    test('of a guest while its upstream is still being dialled ends the relay once that is decided', () => {
      const bench = makeBench();
      const wire = bench.open();
      reset(bench.disown(wire.guest));
      expect(bench.outcome(wire)).toBe('guest-reset');
      expect(bench.end(wire.upstream)).toBe(-Errno.ECONNRESET);
    });

    test('cut: both sides are reset', () => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.guest, Buffer.from('x'));
      bench.text(wire.upstream, 1);
      wire.relay.cut('cut');
      wire.relay.cut('cut');
      expect(bench.outcomes).toEqual(['cut']);
      expect([bench.end(wire.guest), bench.end(wire.upstream)]).toEqual([
        -Errno.ECONNRESET,
        -Errno.ECONNRESET,
      ]);
    });
  });

  describe('urgent data', () => {
    test.each([
      ['small', 100],
      ['bulk', 250_000],
    ])('in the middle of a %s message does not hold up what follows', (_, length) => {
      const bench = makeBench();
      const wire = bench.open();
      bench.push(wire.guest, Buffer.from('hello'));
      bench.text(wire.upstream, 5);
      const [before, after] = ['b'.repeat(length), 'a'.repeat(length)];
      // All of it lies there before the relay looks: it reads up to the mark first.
      expect(sendBytes(wire.guest, Buffer.from(before))).toBe(length);
      sendUrgent(wire.guest, '!');
      expect(sendBytes(wire.guest, Buffer.from(after))).toBe(length);
      expect(bench.text(wire.upstream, 2 * length)).toBe(before + after);
    });
  });

  describe('an upstream that does not take the connection', () => {
    test('refused: the guest gets a reset', () => {
      const bench = makeBench();
      const { fd, port } = listenLocal();
      close(fd);
      const descriptors = openDescriptors();
      const { relay, guest } = bench.attempt(port);
      expect(bench.outcome({ relay })).toBe('upstream-refused');
      expect(bench.end(guest)).toBe(-Errno.ECONNRESET);
      bench.hangUp(guest);
      expect(openDescriptors()).toBe(descriptors);
    });

    test('no answer: connect-timeout, and the guest gets a reset', () => {
      const bench = makeBench({ connectMs: 150 });
      const full = listenLocal(0);
      const fillers = Array.from({ length: 4 }, () => dial(full.port));
      bench.pass(50);
      const begin = performance.now();
      const { relay, guest } = bench.attempt(full.port);
      expect(bench.outcome({ relay })).toBe('connect-timeout');
      const took = performance.now() - begin;
      expect(took).toBeGreaterThanOrEqual(149);
      expect(took).toBeLessThan(1500);
      expect(bench.end(guest)).toBe(-Errno.ECONNRESET);
      for (const fd of [...fillers, full.fd]) close(fd);
    });
  });
}
