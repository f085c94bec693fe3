import { describe, expect, test } from 'vitest';
import { OUTCOMES } from '../../../src/dataplane/outcome.ts';
import { type FinishedRecord, RecordBatch, readRecords } from '../../../src/dataplane/records.ts';

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
    outcome: OUTCOMES[i % OUTCOMES.length] ?? 'error',
  };
}

function add(batch: RecordBatch, each: FinishedRecord): void {
  batch.add(each.bridgeId, each, each.bytesToUpstream, each.bytesToGuest, each.durationMs, each.outcome);
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
    const values = new Float64Array(10);
    values[9] = 99;
    expect([...readRecords(values)].map(({ outcome }) => outcome)).toEqual(['error']);
    expect([...readRecords(new Float64Array(9))]).toEqual([]);
  });
});
