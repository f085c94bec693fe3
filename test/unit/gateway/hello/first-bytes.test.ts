import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { describe, expect, it, test } from 'vitest';
import { firstBytes, type Look } from '../../../../src/gateway/hello/first-bytes.ts';
import { seeded } from '../../config/random.ts';

const FIXTURES = new URL('../../../fixtures/hello/', import.meta.url);

const whole = (bytes: Uint8Array): Look => firstBytes().add(bytes);

/** The last answer when bytes come in pieces of `size`, and how many bytes it took. */
function inPieces(bytes: Uint8Array, size: number): { look: Look; after: number } {
  const gathered = firstBytes();
  let look: Look = { kind: 'more' };
  for (let at = 0; at < bytes.length && look.kind === 'more'; at += size)
    look = gathered.add(bytes.subarray(at, at + size));
  const kept = Buffer.from(gathered.bytes());
  expect(kept.equals(bytes.subarray(0, kept.length))).toBe(true);
  return { look, after: gathered.bytes().length };
}

/** The first flight of node's own TLS client. */
async function nodeHello(servername: string, alpn: string[] = []): Promise<Buffer> {
  const sent: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      sent.push(chunk);
      this.emit('sent');
      done();
    },
  });
  const client = connect({ socket, servername, ALPNProtocols: alpn });
  if (sent.length === 0) await once(socket, 'sent');
  client.on('error', () => undefined);
  client.destroy();
  return Buffer.concat(sent);
}

/** The same message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) records.push(record(message.subarray(at, at + size)));
  return Buffer.concat(records);
}

function record(payload: Uint8Array): Buffer {
  return Buffer.from([22, 3, 1, payload.length >> 8, payload.length & 255, ...payload]);
}

const number = (value: number, length: number): number[] =>
  Array.from({ length }, (_, at) => (value >>> (8 * (length - 1 - at))) & 255);
const vector = (lengthBytes: number, ...content: readonly number[]): number[] => [
  ...number(content.length, lengthBytes),
  ...content,
];
const extension = (type: number, ...content: readonly number[]): number[] => [
  ...number(type, 2),
  ...vector(2, ...content),
];
const nameOf = (name: string, kind = 0): number[] =>
  vector(2, kind, ...vector(2, ...Buffer.from(name, 'latin1')));

function hello(...extensions: readonly (readonly number[])[]): Buffer {
  const body = [3, 3, ...new Array<number>(32).fill(7), ...vector(1), ...vector(2, 19, 1), ...vector(1, 0)];
  const message = [...body, ...(extensions.length === 0 ? [] : vector(2, ...extensions.flat()))];
  const whole = Buffer.from([1, ...number(message.length, 3), ...message]);
  return inRecords(Buffer.concat([Buffer.alloc(5), whole]), 16_384);
}

describe('TLS', () => {
  const captured = readdirSync(FIXTURES).sort();

  it.each(captured)('of %s is read, split anywhere', (name) => {
    const bytes = readFileSync(new URL(name, FIXTURES));
    const look = whole(bytes);
    expect(look).toEqual({
      kind: 'tls',
      hello: {
        serverName: name.includes('address') ? undefined : 'www.example.com',
        alpn: name.startsWith('curl') ? ['h2', 'http/1.1'] : [],
        ech: false,
      },
    });
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const gathered = firstBytes();
      expect(gathered.add(bytes.subarray(0, cut))).toEqual({ kind: 'more' });
      expect(gathered.add(bytes.subarray(cut))).toEqual(look);
    }
    expect(inPieces(bytes, 1)).toEqual({ look, after: bytes.length });
  });

  it('has captured hellos to read', () => {
    expect(captured.length).toBeGreaterThanOrEqual(3);
  });

  it('of node, over any number of records', async () => {
    const bytes = await nodeHello('a.example', ['h2', 'http/1.1']);
    const look = whole(bytes);
    expect(look).toEqual({
      kind: 'tls',
      hello: { serverName: 'a.example', alpn: ['h2', 'http/1.1'], ech: false },
    });
    for (const size of [1, 2, 3, 5, 100, 16_384]) {
      const split = inRecords(bytes, size);
      expect([size, inPieces(split, 1)]).toEqual([size, { look, after: split.length }]);
      expect(inPieces(Buffer.concat([split, Buffer.from('garbage')]), 4096).look).toEqual(look);
    }
  });

  it.each([20_000, 65_536, 120_000])('of %i bytes is read', (size) => {
    // No extension is longer than 64 KB, nor are all together: the rest is a list of cipher suites.
    const padding = Math.min(size, 60_000);
    const suites = new Array<number>(Math.min(size - padding, 65_534) & ~1).fill(1);
    const extensions = [
      ...extension(0, ...nameOf('a.example')),
      ...extension(21, ...new Array<number>(padding).fill(0)),
    ];
    const body = [
      3,
      3,
      ...new Array<number>(32).fill(7),
      ...vector(1),
      ...vector(2, ...suites),
      ...vector(1, 0),
      ...vector(2, ...extensions),
    ];
    const bytes = inRecords(
      Buffer.from([...new Array<number>(5).fill(0), 1, ...number(body.length, 3), ...body]),
      16_384,
    );
    const { look, after } = inPieces(bytes, 1);
    expect(look).toMatchObject({ kind: 'tls', hello: { serverName: 'a.example' } });
    expect(after).toBe(bytes.length);
  });

  it('without extensions, and with ECH, is read', () => {
    expect(whole(hello())).toEqual({ kind: 'tls', hello: { serverName: undefined, alpn: [], ech: false } });
    expect(whole(hello(extension(0xfe0d, 0, 1, 2), extension(0, ...nameOf('a'))))).toEqual({
      kind: 'tls',
      hello: { serverName: 'a', alpn: [], ech: true },
    });
  });

  it.each<[string, Buffer]>([
    ['two names', hello(extension(0, ...nameOf('a')), extension(0, ...nameOf('b')))],
    ['two names in one list', hello(extension(0, ...vector(2, 0, ...vector(2, 97), 0, ...vector(2, 98))))],
    ['a name of another kind', hello(extension(0, ...nameOf('a', 1)))],
    ['an empty name', hello(extension(0, ...nameOf('')))],
    ['an empty list of names', hello(extension(0, ...vector(2)))],
    ['bytes behind the name', hello(extension(0, ...nameOf('a'), 0))],
    ['bytes behind ALPN', hello(extension(16, ...vector(2, ...vector(1, 97)), 0))],
    ['a length that leads outside', hello([0, 0, 0, 9, 0])],
    ['a body that is too short', record(Buffer.from([1, 0, 0, 2, 3, 3]))],
  ])('with %s is refused', (_, bytes) => {
    expect(whole(bytes)).toEqual({ kind: 'refused', because: 'malformed-hello' });
  });

  it('that never ends is refused at the bound', () => {
    const endless = record(Buffer.from([1, 0xff, 0xff, 0xff]));
    expect(whole(endless)).toEqual({ kind: 'refused', because: 'long-hello' });
    const gathered = firstBytes({ helloBytes: 1000, headBytes: 1000 });
    let look: Look = { kind: 'more' };
    let sent = 0;
    for (; look.kind === 'more' && sent < 2000; sent += 6)
      look = gathered.add(record(Buffer.from([[1, 0, 3, 0][sent / 6] ?? 0])));
    expect([look, sent]).toEqual([{ kind: 'refused', because: 'long-hello' }, 1002]);
  });

  it.each<[string, Uint8Array]>([
    ['an alert', Buffer.from([21, 3, 1, 0, 2, 1, 0])],
    ['another version', Buffer.from([22, 2, 0])],
    ['a server hello', record(Buffer.from([2, 0, 0, 0]))],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record that is too long', Buffer.from([22, 3, 1, 0xff, 0xff])],
    ['SSLv2', Buffer.from([0x80, 0x2e, 1, 3, 1])],
    [
      'a record of data after half a hello',
      Buffer.concat([record(Buffer.from([1, 0, 1, 0])), Buffer.from([23, 3, 3, 0, 1, 0])]),
    ],
  ])('is not %s', (_, bytes) => {
    expect(whole(bytes)).toEqual({ kind: 'unknown' });
  });
});

describe('HTTP', () => {
  it.each<[string, Look]>([
    [
      'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
      { kind: 'http', method: 'GET', target: '/', hosts: ['a.example'] },
    ],
    [
      'GET / HTTP/1.1\r\nhOST:\t a:80 \r\nX: y\r\n\r\nbody',
      { kind: 'http', method: 'GET', target: '/', hosts: ['a:80'] },
    ],
    ['POST /a?b HTTP/1.0\r\n\r\n', { kind: 'http', method: 'POST', target: '/a?b', hosts: [] }],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      { kind: 'http', method: 'GET', target: '/', hosts: ['a', 'b'] },
    ],
    [
      'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n',
      { kind: 'http', method: 'CONNECT', target: 'a:443', hosts: ['a:443'] },
    ],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { kind: 'http2' }],
    ['SSH-2.0-OpenSSH_9.2\r\n', { kind: 'unknown' }],
    ['\x00\x00\x00\x08\x04\xd2\x16\x2f', { kind: 'unknown' }],
    ['GET /\r\n', { kind: 'unknown' }],
    ['GET / HTTP/0.9\r\n', { kind: 'unknown' }],
    ['GET / HTTP/2.0\r\n', { kind: 'unknown' }],
    ['GET  / HTTP/1.1\r\n', { kind: 'unknown' }],
    ['GET / HTTP/1.1\n\n', { kind: 'unknown' }],
    ['GET / HTTP/1.1\r\nHost: a\nHost: b\r\n\r\n', { kind: 'unknown' }],
    ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', { kind: 'unknown' }],
    ['GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n', { kind: 'unknown' }],
    ['EHLO a.example\r\n', { kind: 'unknown' }],
    [' GET / HTTP/1.1\r\n', { kind: 'unknown' }],
    ['\r\nGET / HTTP/1.1\r\n', { kind: 'unknown' }],
    ['', { kind: 'more' }],
    ['G', { kind: 'more' }],
    ['PRI * HTTP/2.0\r\n\r\n', { kind: 'more' }],
    ['GET / HTTP/1.1\r\nHost: a.example\r\n', { kind: 'more' }],
  ])('%j', (text, expected) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(whole(bytes)).toEqual(expected);
    expect(inPieces(bytes, 1).look).toEqual(expected);
    expect(inPieces(bytes, 7).look).toEqual(expected);
  });

  it.each([
    ['request line', `GET /${'a'.repeat(20_000)}`],
    ['field', `GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}`],
    ['list of fields', `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(4000)}`],
  ])('with an endless %s is refused at the bound', (_, text) => {
    const bytes = Buffer.from(text);
    const refused = { kind: 'refused', because: 'long-head' };
    expect([whole(bytes), inPieces(bytes, 7)]).toEqual([refused, { look: refused, after: 16_387 }]);
  });

  it('is read to the end of its head, wherever it is cut', () => {
    const bytes = Buffer.from('GET /a HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n');
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const gathered = firstBytes();
      expect([cut, gathered.add(bytes.subarray(0, cut))]).toEqual([cut, { kind: 'more' }]);
      expect(gathered.add(bytes.subarray(cut))).toMatchObject({ kind: 'http', hosts: ['a.example'] });
    }
  });
});

test('whatever comes, an answer comes, and the same in one piece and in many', {
  timeout: 60_000,
}, async () => {
  const random = seeded(5);
  const sound = [
    await nodeHello('a.example', ['h2']),
    hello(extension(0, ...nameOf('b.example')), extension(0xfe0d, 1)),
    inRecords(hello(extension(0, ...nameOf('c.example'))), 7),
    Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  ] as [Buffer, ...Buffer[]];
  const kinds = new Set<string>();
  for (let i = 0; i < 5000; i += 1) {
    const bytes = Buffer.from(random.pick(sound));
    for (let change = random.below(4); change > 0; change -= 1)
      bytes[random.below(Math.min(bytes.length, 120))] = random.below(256);
    const look = whole(bytes);
    kinds.add(look.kind);
    const pieces = inPieces(bytes, 1 + random.below(40)).look;
    if (JSON.stringify(pieces) !== JSON.stringify(look))
      expect([bytes.toString('hex'), pieces]).toEqual([bytes.toString('hex'), look]);
  }
  expect([...kinds].sort()).toEqual(['http', 'http2', 'more', 'refused', 'tls', 'unknown']);
});
