import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/dataplane/outcome.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import { amount } from '../../support/amount.ts';
import { openDescriptors, reset, sendBytes } from '../linux/endpoints.ts';
import { RelayBench } from './relay-bench.ts';
import { relaySuites } from './relay-suites.ts';

relaySuites({ pipes: true, shared: false });

test('thousands of short relays leave nothing behind', () => {
  const batches = amount(100, 10);
  const bench = new RelayBench();
  const before = openDescriptors();
  const counts: Partial<Record<Outcome, number>> = {};
  for (let batch = 0; batch < batches; batch++) {
    const wires = Array.from({ length: 100 }, () => bench.open());
    for (const { guest } of wires) {
      sendBytes(guest, Buffer.from('GET /'));
      shutdownWrite(guest);
    }
    for (const [i, { upstream }] of wires.entries()) {
      expect(bench.text(upstream, 5)).toBe('GET /');
      if (i % 5 === 0) reset(bench.disown(upstream));
      else {
        sendBytes(upstream, Buffer.from('200 OK'));
        bench.hangUp(upstream);
      }
    }
    bench.until('all to end', () => (bench.ended.size === wires.length ? true : undefined));
    for (const [i, { guest }] of wires.entries())
      if (i % 5 !== 0) expect(bench.text(guest, 6)).toBe('200 OK');
    bench.hangUp(...wires.map(({ guest }) => guest));
    for (const outcome of bench.ended.values()) counts[outcome] = (counts[outcome] ?? 0) + 1;
    bench.ended.clear();
    if (batch === 0) expect(openDescriptors()).toBe(before);
  }
  expect(counts).toEqual({ closed: 80 * batches, 'upstream-reset': 20 * batches });
  expect(openDescriptors()).toBe(before);
});
