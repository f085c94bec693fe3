import { describe, expect, test } from 'vitest';
import {
  type FinishedRecord,
  listOf,
  RecordBatch,
  readRecords,
} from '../../../src/dataplane/connection-records.ts';
import { OUTCOMES } from '../../../src/dataplane/outcome.ts';
import { RelayBench } from './relay-bench.ts';

function record(i: number): FinishedRecord {
  return {
    bridgeId: i,
    servicePort: 65535 - i,
    guestIp: 0xfffffff0 + (i % 16),
    guestPort: i,
    upstreamIp: 0xc0a80000 + i,
    upstreamPort: i + 1,
    bytesToUpstream: i * 2 ** 40,
    bytesToGuest: Number.MAX_SAFE_INTEGER - i,
    durationMs: i / 8,
    connectMs: i % 3 === 0 ? -1 : i / 16,
    outcome: OUTCOMES[i % OUTCOMES.length] ?? 'error',
  };
}

function add(batch: RecordBatch, each: FinishedRecord): void {
  const { bridgeId, bytesToUpstream, bytesToGuest, durationMs, connectMs, outcome } = each;
  batch.add(bridgeId, each, bytesToUpstream, bytesToGuest, durationMs, connectMs, outcome);
}

describe('a batch of records', () => {
  test('gives back what was added, in order, and is empty then', () => {
    const batch = new RecordBatch();
    expect(batch.isEmpty).toBe(true);
    const records = Array.from({ length: 30 }, (_, i) => record(i));
    for (const each of records) add(batch, each);
    expect(batch.isEmpty).toBe(false);
    expect([...readRecords(batch.take())]).toEqual(records);
    expect(batch.isEmpty).toBe(true);
    expect([...readRecords(batch.take())]).toEqual([]);
  });

  test('says when it is full, and can be filled again once taken', () => {
    const batch = new RecordBatch();
    let count = 0;
    for (; !batch.isFull; count++) add(batch, record(count));
    expect(count).toBeGreaterThan(100);
    const first = batch.take();
    add(batch, record(7));
    expect([...readRecords(batch.take())]).toEqual([record(7)]);
    // What was taken is not overwritten.
    expect([...readRecords(first)][0]).toEqual(record(0));
  });

  test('of another version of the program are not taken for something else', () => {
    const values = new Float64Array(11);
    values[10] = 99;
    expect([...readRecords(values)].map(({ outcome }) => outcome)).toEqual(['error']);
    expect([...readRecords(new Float64Array(10))]).toEqual([]);
  });
});

describe('a list of living relays', () => {
  test('tells of each what it has done so far', () => {
    const bench = new RelayBench();
    const wires = [bench.open(), bench.open()];
    const [first] = wires;
    bench.push(first?.guest ?? -1, Buffer.from('some'));
    expect(bench.text(first?.upstream ?? -1, 4)).toBe('some');
    const now = bench.reactor.now + 1000;
    const listed = [
      ...readRecords(
        listOf(
          wires.map(({ relay }) => relay),
          now,
        ),
      ),
    ];
    expect(listed.map(({ bytesToUpstream, outcome }) => [bytesToUpstream, outcome])).toEqual([
      [4, 'open'],
      [0, 'open'],
    ]);
    expect(listed[0]?.durationMs).toBe(now - (first?.relay.startedAt ?? 0));
  });

  test('of none is empty', () => {
    expect([...readRecords(listOf([], 0))]).toEqual([]);
  });

  test('is as long as it has to be', () => {
    const bench = new RelayBench();
    const { relay } = bench.open();
    expect([...readRecords(listOf(new Array(2000).fill(relay), 0))]).toHaveLength(2000);
  });
});
