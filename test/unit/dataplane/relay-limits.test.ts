import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/linux/errno.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import { sendBytes, socketOption } from '../linux/endpoints.ts';
import { RelayBench, StreamReader, StreamWriter } from './relay-bench.ts';

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SOL_TCP = 6;
const TCP_KEEPIDLE = 4;
const MIB = 1 << 20;

describe('time limits', () => {
  test('lingering: a side that closed waits for the other only so long', () => {
    const bench = new RelayBench({ lingerMs: 200 });
    const wire = bench.open();
    shutdownWrite(wire.guest);
    expect(bench.end(wire.upstream)).toBe(0);
    const begin = performance.now();
    expect(bench.outcome(wire)).toBe('linger-timeout');
    expect(performance.now() - begin).toBeGreaterThan(150);
    expect(bench.end(wire.guest)).toBe(-Errno.ECONNRESET);
    expect(sendBytes(wire.upstream, Buffer.from('late'))).toBe(-Errno.EPIPE);
  });

  test('lingering ends when nothing moves, not while the answer is on its way', () => {
    const bench = new RelayBench({ lingerMs: 500 });
    const wire = bench.open();
    shutdownWrite(wire.guest);
    for (let i = 0; i < 6; i++) {
      bench.pass(170);
      bench.push(wire.upstream, Buffer.from('word '));
      expect(bench.text(wire.guest, 5)).toBe('word ');
    }
    expect(bench.outcomes).toEqual([]);
    expect(bench.outcome(wire)).toBe('linger-timeout');
  });

  test('lingering does not cut a reader that is slow but reads', () => {
    const bench = new RelayBench({ lingerMs: 400 });
    const wire = bench.open();
    shutdownWrite(wire.guest);
    const size = 8 * MIB;
    const writer = new StreamWriter(wire.upstream, 9, size);
    const slow = { chunk: 12_000 };
    const reader = new StreamReader(wire.guest, 9, () => slow.chunk);
    const begin = performance.now();
    // So slowly that the kernel's buffers have room for more only once in a while.
    for (let next = begin; performance.now() < begin + 2000; bench.turn()) {
      writer.step();
      if (performance.now() < next) continue;
      reader.step();
      next += 20;
    }
    expect(bench.outcomes).toEqual([]);
    expect(reader.received).toBeGreaterThan(50 * slow.chunk);
    slow.chunk = MIB;
    bench.transfer([writer], [reader]);
    expect(reader.received).toBe(size);
    expect(bench.outcome(wire)).toBe('closed');
  });

  test('idle: a relay on which nothing moves ends, one that talks does not', () => {
    const bench = new RelayBench({ youngMs: 200, idleMs: 600 });
    const [silent, talking] = [bench.open(), bench.open()];
    for (let i = 0; i < 16; i++) {
      bench.push(talking.guest, Buffer.from('.'));
      expect(bench.text(talking.upstream, 1)).toBe('.');
      bench.pass(80);
    }
    expect([...bench.ended]).toEqual([[silent.relay, 'idle-timeout']]);
    expect([bench.end(silent.guest), bench.end(silent.upstream)]).toEqual([
      -Errno.ECONNRESET,
      -Errno.ECONNRESET,
    ]);
    expect(bench.outcome(talking)).toBe('idle-timeout');
  });

  test('idle with lingering off: a half-closed relay does not stay for ever', () => {
    const bench = new RelayBench({ youngMs: 100, idleMs: 200, lingerMs: 0 });
    const wire = bench.open();
    shutdownWrite(wire.guest);
    expect(bench.outcome(wire, 3000)).toBe('idle-timeout');
  });

  test('off: nothing ends by itself', () => {
    const bench = new RelayBench({ youngMs: 100 });
    const wires = [bench.open(), bench.open()] as const;
    shutdownWrite(wires[1].guest);
    bench.pass(500);
    expect(bench.outcomes).toEqual([]);
    bench.push(wires[0].guest, Buffer.from('still here'));
    expect(bench.text(wires[0].upstream, 10)).toBe('still here');
  });

  test('probes: set on both sides of a relay that lives long, not before', () => {
    const bench = new RelayBench({ youngMs: 250, keepaliveS: 44 });
    const wire = bench.open();
    const sides = [wire.guestSide, wire.upstreamSide];
    const probed = () => sides.map((fd) => socketOption(fd, SOL_SOCKET, SO_KEEPALIVE));
    bench.pass(50);
    expect(probed()).toEqual([0, 0]);
    bench.until('probes', () => (probed().includes(1) ? true : undefined));
    expect(probed()).toEqual([1, 1]);
    for (const fd of sides) expect(socketOption(fd, SOL_TCP, TCP_KEEPIDLE)).toBe(44);
    expect(bench.outcomes).toEqual([]);
  });

  test('probes: not when they are off', () => {
    const bench = new RelayBench({ youngMs: 100, keepaliveS: 0 });
    const wire = bench.open();
    bench.pass(400);
    expect(socketOption(wire.upstreamSide, SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
  });
});
