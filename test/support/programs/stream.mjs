import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';

const CHUNK_BYTES = 256 * 1024;
const STAMP_EVERY_BYTES = 4096;

/** Sends `bytes` bytes that differ in every page, so that lost, doubled or swapped pieces change the digest. */
export async function send(socket, bytes, hash) {
  const noise = randomBytes(CHUNK_BYTES);
  for (let sent = 0; sent < bytes; ) {
    const chunk = Buffer.from(noise.subarray(0, Math.min(CHUNK_BYTES, bytes - sent)));
    for (let at = 0; at + 8 <= chunk.length; at += STAMP_EVERY_BYTES) {
      chunk.writeDoubleLE(sent + at, at);
    }
    hash.update(chunk);
    sent += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
}

/** Reads to the end. `pace(length)` is awaited after every chunk, for readers that take their time. */
export async function digestOf(socket, pace = undefined) {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    hash.update(chunk);
    length += chunk.length;
    await pace?.(length);
  }
  return { length, digest: hash.digest('hex') };
}
