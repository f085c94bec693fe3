// Bytes that both ends can compute: what comes is compared, not only counted, at hardly any cost. The period is a prime, so
// that a piece that is lost, doubled or swapped shows whatever its size.
import { createHash } from 'node:crypto';

const PERIOD_BYTES = 65_521;
const TABLES = 16;
const tables = [];

/** Two periods of a table, so that any piece up to one period is a slice. */
function table(number) {
  tables[number] ??= (() => {
    const pieces = [];
    for (let i = 0; i * 64 < PERIOD_BYTES; i++) {
      pieces.push(createHash('sha512').update(`${number} ${i}`).digest());
    }
    const period = Buffer.concat(pieces).subarray(0, PERIOD_BYTES);
    return Buffer.concat([period, period]);
  })();
  return tables[number];
}

/** Up to `length` bytes (a period at the most) of stream `seed` from `offset` on. */
export function piece(seed, offset, length) {
  const start = (seed * 7919 + offset) % PERIOD_BYTES;
  return table(seed % TABLES).subarray(start, start + Math.min(length, PERIOD_BYTES));
}

/** True when `bytes` are those of stream `seed` from `offset` on. */
export function matches(bytes, seed, offset) {
  for (let at = 0; at < bytes.length; ) {
    const expected = piece(seed, offset + at, bytes.length - at);
    if (expected.compare(bytes, at, at + expected.length) !== 0) return false;
    at += expected.length;
  }
  return true;
}
