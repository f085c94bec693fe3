/** The first handshake message of a TLS client, gathered from as many records as it takes. */
export type FirstMessage =
  | { readonly kind: 'more' }
  | { readonly kind: 'not-tls' }
  | { readonly kind: 'too-long' }
  /** Without its header of four bytes. */
  | { readonly kind: 'client-hello'; readonly body: Uint8Array };

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const MAX_RECORD = 16_384;
const MORE: FirstMessage = { kind: 'more' };
const NOT_TLS: FirstMessage = { kind: 'not-tls' };

/**
 * Reads records from all bytes that have come so far; what it has read once it does not read again, so that a guest that sends
 * bytes or records one by one costs no more than any other. `maxBytes` bounds the records with their headers.
 */
export function recordReader(maxBytes: number): (bytes: Uint8Array) => FirstMessage {
  const pieces: Uint8Array[] = [];
  let gathered = 0;
  /** Offset of the first record that was not complete. */
  let at = 0;
  let wanted = MESSAGE_HEADER;

  return (bytes) => {
    for (;;) {
      const header = bytes.subarray(at, at + RECORD_HEADER);
      if (!maybeHandshake(header)) return NOT_TLS;
      if (header.length < RECORD_HEADER) return more(bytes);
      const size = bigEndian(header.subarray(3));
      // A handshake has no empty records (RFC 8446, 5.1).
      if (size === 0 || size > MAX_RECORD) return NOT_TLS;
      const begin = at + RECORD_HEADER;
      if (gathered === 0 && bytes.length > begin && bytes[begin] !== CLIENT_HELLO) return NOT_TLS;
      if (bytes.length < begin + size) return more(bytes);
      // A copy: the buffer that it stands in may grow elsewhere.
      pieces.push(bytes.slice(begin, begin + size));
      gathered += size;
      at = begin + size;
      if (gathered < wanted) continue;
      if (wanted === MESSAGE_HEADER) {
        wanted += bigEndian(Buffer.concat(pieces).subarray(1, MESSAGE_HEADER));
        if (wanted > maxBytes) return { kind: 'too-long' };
        if (gathered < wanted) continue;
      }
      return { kind: 'client-hello', body: Buffer.concat(pieces).subarray(MESSAGE_HEADER, wanted) };
    }
  };

  function more(bytes: Uint8Array): FirstMessage {
    return bytes.length >= maxBytes ? { kind: 'too-long' } : MORE;
  }
}

/** As much of a record's header as there is: handshake, version 3.0 to 3.4. */
function maybeHandshake([type, major, minor]: Uint8Array): boolean {
  return (
    (type === undefined || type === HANDSHAKE) &&
    (major === undefined || major === 3) &&
    (minor === undefined || minor <= 4)
  );
}

function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}
