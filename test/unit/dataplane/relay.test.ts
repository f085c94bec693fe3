import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/dataplane/outcome.ts';
import { shutdownWrite } from '../../../src/linux/socket.ts';
import { openDescriptors, reset, sendBytes } from '../linux/endpoints.ts';
import { RelayBench } from './relay-bench.ts';
import { relaySuites } from './relay-suites.ts';

relaySuites({ pipes: true, shared: false });

test('10 000 short relays leave nothing behind', () => {
  const bench = new RelayBench();
  const before = openDescriptors();
  const counts: Partial<Record<Outcome, number>> = {};
  for (let batch = 0; batch < 100; batch++) {
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
  expect(counts).toEqual({ closed: 8000, 'upstream-reset': 2000 });
  expect(openDescriptors()).toBe(before);
});
