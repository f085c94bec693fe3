import { expect, test } from 'vitest';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import { sendBytes } from '../linux/endpoints.ts';
import { RelayBench, StreamReader, StreamWriter } from './relay-bench.ts';

const HEADER = 'who it is';
const header = (): Buffer => {
  const memory = Buffer.allocUnsafeSlow(HEADER.length);
  memory.write(HEADER);
  return memory;
};

test('the upstream hears the header at once, before the guest has said anything', () => {
  const bench = new RelayBench();
  const wire = bench.open({ header: header() });
  expect(bench.text(wire.upstream, HEADER.length)).toBe(HEADER);
  // It is not the guest's.
  expect(wire.relay.bytesToUpstream).toBe(0);
});

test('what the guest had said before comes after it', () => {
  const bench = new RelayBench();
  const wire = bench.open({ header: header() });
  sendBytes(wire.guest, Buffer.from('impatient'));
  expect(bench.text(wire.upstream, HEADER.length + 9)).toBe(`${HEADER}impatient`);
  expect(wire.relay.bytesToUpstream).toBe(9);
  bench.push(wire.guest, Buffer.from('more'));
  expect(bench.text(wire.upstream, 4)).toBe('more');
});

test('a guest that has nothing to say is told of all the same, and its end is passed on', () => {
  const bench = new RelayBench();
  const wire = bench.open({ header: header() });
  shutdownWrite(wire.guest);
  expect(bench.text(wire.upstream, HEADER.length)).toBe(HEADER);
  expect(bench.end(wire.upstream)).toBe(0);
});

test('the other direction has none, and bulk comes unharmed after it', () => {
  const bench = new RelayBench({ narrow: true });
  const wire = bench.open({ header: header() });
  bench.text(wire.upstream, HEADER.length);
  const size = 1 << 20;
  const writers = [new StreamWriter(wire.guest, 1, size), new StreamWriter(wire.upstream, 2, size)];
  const readers = [new StreamReader(wire.upstream, 1), new StreamReader(wire.guest, 2)];
  bench.transfer(writers, readers);
  expect(bench.outcome(wire)).toBe('closed');
});
