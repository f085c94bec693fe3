import { describe, expect, test, vi } from 'vitest';
import type { Pipe, Pipes } from '../../../src/dataplane/pipes.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { splice } from '../../../src/linux/splice.ts';
import {
  duplicate,
  openDescriptors,
  receiveBytes,
  receiveText,
  sendBytes,
  spin,
  tcpPair,
  withFewDescriptors,
} from '../linux/endpoints.ts';
import { RelayBench, StreamReader, StreamWriter, type Wire } from './relay-bench.ts';

const MIB = 1 << 20;
/** Descriptors for pipes stay below the half of the data plane's reserve. */
const PIPES_AT_MOST = 256;

test('without descriptors for a pipe bulk is copied, and nothing is lost', () => {
  const bench = new RelayBench({ narrow: true });
  const wire = bench.open();
  bench.turn();
  const before = openDescriptors();
  const size = 3 * MIB;
  const writers = [new StreamWriter(wire.guest, 1, size), new StreamWriter(wire.upstream, 2, size)];
  const readers = [new StreamReader(wire.upstream, 1), new StreamReader(wire.guest, 2)];
  withFewDescriptors(1, () => {
    bench.until('both streams', () => {
      for (const each of [...writers, ...readers]) each.step();
      return readers.every(({ done }) => done) ? true : undefined;
    });
  });
  expect(readers.map(({ received }) => received)).toEqual([size, size]);
  expect(bench.outcome(wire)).toBe('closed');
  // The relay's two sockets are closed, and no pipe was opened.
  expect(openDescriptors()).toBe(before - 2);
});

/** A relay of which the guest has said more than one turn moves; the kernel grants it room once it has seen bulk. */
function loaded(bench: RelayBench): Wire {
  const wire = bench.open();
  const [writer, reader] = [
    new StreamWriter(wire.guest, 1, 24 * MIB, undefined, false),
    new StreamReader(wire.upstream, 1),
  ];
  bench.until('the first bytes', () => {
    writer.step();
    reader.step();
    return reader.received === 24 * MIB ? true : undefined;
  });
  expect(refill(wire)).toBeGreaterThan(2 * MIB);
  return wire;
}

const chunk = Buffer.alloc(64 * 1024);

/** The guest says, and the upstream hears, as much as there is room and bytes for; what the guest has said. */
function refill({ guest, upstream }: Wire): number {
  while (typeof receiveBytes(upstream) !== 'number');
  let queued = 0;
  for (let n = 0; n >= 0; n = sendBytes(guest, chunk)) queued += n;
  return queued;
}

/** Runs `task` while no relay can have a pipe: it copies in small pieces. */
function withoutPipes({ pipes }: RelayBench, task: () => void): void {
  withFewDescriptors(0, () => {
    const taken = takeAll(pipes);
    task();
    for (const pipe of taken) pipes.give(pipe);
  });
}

function takeAll(pipes: Pipes, most = 5000): Pipe[] {
  const taken: Pipe[] = [];
  while (taken.length < most) {
    const pipe = pipes.take();
    if (pipe === undefined) break;
    taken.push(pipe);
  }
  return taken;
}

test('a flow that could go on has one turn planned, however often it is poked', () => {
  const bench = new RelayBench();
  const wire = loaded(bench);
  const planned = vi.spyOn(bench.reactor, 'defer');
  const counts: number[] = [];
  const moved: number[] = [];
  withoutPipes(bench, () => {
    for (let turn = 0; turn < 5; turn++) {
      planned.mockClear();
      refill(wire);
      // An edge in every turn: bytes for the other direction.
      sendBytes(wire.upstream, Buffer.from('.'));
      const before = wire.relay.bytesToUpstream;
      bench.turn();
      moved.push(wire.relay.bytesToUpstream - before);
      // One is the bench's own.
      counts.push(planned.mock.calls.length - 1);
    }
  });
  // The first turn plans one, which plans the next.
  expect(counts).toEqual([2, 1, 1, 1, 1]);
  // What it moves at once, and no more than that once for each turn.
  expect(Math.max(...moved.slice(1))).toBeLessThanOrEqual(MIB);
});

test('a turn that was planned before the relay ended does not touch those that got its descriptors', () => {
  const bench = new RelayBench();
  const others = [tcpPair(), tcpPair()];
  for (const { client } of others) sendBytes(client, Buffer.from('private'));
  const wire = loaded(bench);
  withoutPipes(bench, () => {
    const before = wire.relay.bytesToUpstream;
    bench.turn();
    const moved = wire.relay.bytesToUpstream;
    expect(moved).toBeGreaterThan(before);
    wire.relay.cut('cut');
    const successors = others.map(({ server }) => duplicate(server));
    expect(new Set(successors)).toEqual(new Set([wire.guestSide, wire.upstreamSide]));
    bench.turn();
    bench.turn();
    expect(wire.relay.bytesToUpstream).toBe(moved);
    for (const fd of successors) {
      expect(receiveText(fd, 7)).toBe('private');
      close(fd);
    }
  });
  for (const { client, server } of others) for (const fd of [client, server]) close(fd);
  expect(bench.outcomes).toEqual(['cut']);
});

describe('pipes', () => {
  test('are bounded: readers that take nothing can not use up the descriptors of all others', () => {
    const { calls, pipes } = new RelayBench();
    const taken = takeAll(pipes);
    expect(taken).toHaveLength(PIPES_AT_MOST);
    const back = taken.pop();
    if (back !== undefined) pipes.give(back);
    const again = pipes.take();
    expect(again).toBe(back);
    if (again !== undefined) taken.push(again);
    for (const pipe of taken) pipes.give(pipe);
    // Some are kept for the next ones.
    expect(calls.open.size).toBeGreaterThan(0);
    expect(calls.open.size).toBeLessThanOrEqual(64);
  });

  test('that hold bytes are not handed to the next relay', () => {
    const { calls, pipes } = new RelayBench();
    const { client, server } = tcpPair();
    const pipe = pipes.take();
    sendBytes(client, Buffer.from('somebody else’s'));
    if (pipe === undefined) throw new Error('no pipe');
    expect(spin('bytes in the pipe', () => (pipe.fill(server, 100) > 0 ? pipe.holds : undefined))).toBe(17);
    pipes.give(pipe);
    expect(calls.open.size).toBe(0);
    const next = pipes.take();
    expect(next).toBeDefined();
    if (next !== undefined) expect(splice(next.ends.readEnd, client, 100)).toBe(-Errno.EAGAIN);
    close(client);
    close(server);
  });

  test('are given back when a stream ends, though the relay lives on', () => {
    const bench = new RelayBench({ narrow: true });
    const { pipes } = bench;
    // All but one are taken.
    const others = takeAll(pipes, PIPES_AT_MOST - 1);
    for (let i = 0; i < 3; i++) {
      const wire = bench.open();
      const [writer, reader] = [new StreamWriter(wire.guest, i, 2 * MIB), new StreamReader(wire.upstream, i)];
      bench.until('the stream', () => {
        writer.step();
        reader.step();
        return reader.done ? true : undefined;
      });
      const last = pipes.take();
      expect(last).toBeDefined();
      if (last !== undefined) pipes.give(last);
    }
    for (const pipe of others) pipes.give(pipe);
    expect(bench.outcomes).toEqual([]);
  });

  test('are given back by a relay that is cut in the middle of bulk', () => {
    const bench = new RelayBench({ narrow: true });
    const wire = bench.open();
    const writer = new StreamWriter(wire.guest, 1, 8 * MIB);
    for (let i = 0; i < 200; i++) {
      writer.step();
      bench.turn();
    }
    wire.relay.cut('cut');
    expect(takeAll(bench.pipes)).toHaveLength(PIPES_AT_MOST);
  });
});
