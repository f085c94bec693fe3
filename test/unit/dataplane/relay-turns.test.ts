import { expect, test } from 'vitest';
import { Guest } from '../../../src/dataplane/guests.ts';
import { sendBytes } from '../linux/endpoints.ts';
import { RelayBench, StreamReader, StreamWriter, type Wire } from './relay-bench.ts';

const MIB = 1 << 20;
const [BUSY, OTHER] = [1, 2];

interface Load {
  readonly wire: Wire;
  /** Lets the guest say and the upstream hear more. */
  refill(): void;
}

/** A relay of which the guest has said much more than a turn moves, and the upstream takes it. */
function loaded(bench: RelayBench, guest: Guest): Load {
  const wire = bench.open({ guest });
  const writer = new StreamWriter(wire.guest, 1, 1024 * MIB);
  const reader = new StreamReader(wire.upstream, 1);
  const refill = (): void => {
    for (let sent = -1; sent !== writer.sent; ) {
      sent = writer.sent;
      writer.step();
    }
    for (let received = -1; received !== reader.received; ) {
      received = reader.received;
      reader.step();
    }
  };
  // The kernel grants room once it has seen bulk.
  bench.until('bulk', () => {
    refill();
    return reader.received > 24 * MIB ? true : undefined;
  });
  return { wire, refill };
}

/** What a relay moves in each of some turns in which the other guest says something too. */
function moved(bench: RelayBench, { wire, refill }: Load, others: readonly Wire[]): number[] {
  return Array.from({ length: 8 }, () => {
    refill();
    for (const other of others) sendBytes(other.guest, Buffer.from('.'));
    const before = wire.relay.bytesToUpstream;
    bench.turn();
    const after = wire.relay.bytesToUpstream;
    for (const other of others) expect(bench.text(other.upstream, 1)).toBe('.');
    return after - before;
  });
}

test('a guest that sends bulk moves little in a turn while another one wants something, and much when it is alone', () => {
  const bench = new RelayBench();
  const load = loaded(bench, new Guest(BUSY));
  expect(Math.max(...moved(bench, load, []))).toBeGreaterThan(256 * 1024);
  const other = bench.open({ guest: new Guest(OTHER) });
  bench.turn();
  const little = moved(bench, load, [other]);
  // The first turn began while it was alone.
  expect(Math.max(...little.slice(1))).toBeLessThanOrEqual(128 * 1024);
  expect(Math.min(...little.slice(1))).toBeGreaterThan(0);
});
