import { describe, expect, test, vi } from 'vitest';
import { givePipe, takePipe } from '../../../src/dataplane/pipes.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { type Pipe, splice } from '../../../src/linux/splice.ts';
import {
  duplicate,
  openDescriptors,
  receiveText,
  sendBytes,
  tcpPair,
  withFewDescriptors,
} from '../linux/endpoints.ts';
import { RelayBench, StreamReader, StreamWriter, type Wire } from './relay-bench.ts';

// The machine may be busy with other tests.
vi.setConfig({ testTimeout: 30_000 });

const MIB = 1 << 20;
/** Descriptors for pipes stay below the half of the data plane's reserve. */
const PIPES_AT_MOST = 256;

// Pipes are kept for the whole thread: this comes first, before any was opened.
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
  const chunk = Buffer.alloc(64 * 1024);
  let queued = 0;
  for (let n = 0; n >= 0; n = sendBytes(wire.guest, chunk)) queued += n;
  expect(queued).toBeGreaterThan(2 * MIB);
  return wire;
}

/** Runs `task` while no relay can have a pipe: it copies in small pieces. */
function withoutPipes(task: () => void): void {
  withFewDescriptors(0, () => {
    const taken: Pipe[] = [];
    for (let pipe = takePipe(); pipe !== undefined; pipe = takePipe()) taken.push(pipe);
    task();
    for (const pipe of taken) givePipe(pipe, 0);
  });
}

test('a flow that could go on has one turn planned, however often it is poked', () => {
  const bench = new RelayBench();
  const wire = loaded(bench);
  const planned = vi.spyOn(bench.reactor, 'defer');
  const counts: number[] = [];
  withoutPipes(() => {
    for (let turn = 0; turn < 5; turn++) {
      planned.mockClear();
      // An edge in every turn: bytes for the other direction.
      sendBytes(wire.upstream, Buffer.from('.'));
      bench.turn();
      // One is the bench's own.
      counts.push(planned.mock.calls.length - 1);
    }
  });
  // The first turn plans one, which plans the next.
  expect(counts).toEqual([2, 1, 1, 1, 1]);
});

test('a turn that was planned before the relay ended does not touch those that got its descriptors', () => {
  const bench = new RelayBench();
  const others = [tcpPair(), tcpPair()];
  for (const { client } of others) sendBytes(client, Buffer.from('private'));
  const wire = loaded(bench);
  withoutPipes(() => {
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
    const before = openDescriptors();
    const taken: Pipe[] = [];
    for (let pipe = takePipe(); pipe !== undefined && taken.length < 5000; pipe = takePipe())
      taken.push(pipe);
    expect(taken).toHaveLength(PIPES_AT_MOST);
    const back = taken.pop();
    if (back !== undefined) givePipe(back, 0);
    const again = takePipe();
    expect(again).toBe(back);
    if (again !== undefined) taken.push(again);
    for (const pipe of taken) givePipe(pipe, 0);
    // Some are kept for the next ones.
    const kept = openDescriptors() - before;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThanOrEqual(128);
  });

  test('that hold bytes are not handed to the next relay', () => {
    const pipe = takePipe();
    if (pipe === undefined) throw new Error('no pipe');
    const { client, server } = tcpPair();
    sendBytes(client, Buffer.from('somebody else’s'));
    expect(splice(server, pipe.writeEnd, 100)).toBeGreaterThan(0);
    givePipe(pipe, 17);
    const next = takePipe();
    expect(next).toBeDefined();
    if (next === undefined) return;
    expect(splice(next.readEnd, client, 100)).toBe(-Errno.EAGAIN);
    givePipe(next, 0);
    close(client);
    close(server);
  });

  test('are given back when a stream ends, though the relay lives on', () => {
    const bench = new RelayBench({ narrow: true });
    // All but one are taken.
    const others = Array.from({ length: PIPES_AT_MOST - 1 }, () => takePipe());
    for (let i = 0; i < 3; i++) {
      const wire = bench.open();
      const [writer, reader] = [new StreamWriter(wire.guest, i, 2 * MIB), new StreamReader(wire.upstream, i)];
      bench.until('the stream', () => {
        writer.step();
        reader.step();
        return reader.done ? true : undefined;
      });
      const last = takePipe();
      expect(last).toBeDefined();
      if (last !== undefined) givePipe(last, 0);
    }
    for (const pipe of others) if (pipe !== undefined) givePipe(pipe, 0);
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
    const taken = Array.from({ length: PIPES_AT_MOST }, () => takePipe());
    expect(taken.filter((pipe) => pipe === undefined)).toEqual([]);
    for (const pipe of taken) if (pipe !== undefined) givePipe(pipe, 0);
  });
});
