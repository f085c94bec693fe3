import { describe, expect, onTestFinished, test } from 'vitest';
import {
  FAILURES_AT_MOST,
  inPieces,
  MessageType,
  PORTS_AT_MOST,
  PROTOCOL_VERSION,
  parseConfigure,
  parseHello,
  parseListening,
  portSockets,
  readJson,
  readType,
  SOCKETS_PER_MESSAGE,
  writeBare,
  writeJson,
} from '../../../../src/dataplane/listeners/handover.ts';
import { TproxyError } from '../../../../src/errors.ts';
import { incoming, MESSAGE_BYTES, outgoing } from '../../../../src/linux/descriptor-passing.ts';
import { amount } from '../../../support/amount.ts';
import { seeded } from '../../linux/endpoints.ts';

/** As if the message of `length` bytes in `outgoing` had travelled. */
function arrive(length: number): number {
  incoming.bytes.fill(0xee);
  outgoing.bytes.copy(incoming.bytes, 0, 0, length);
  return length;
}

function protocolError(task: () => unknown): void {
  expect(task).toThrow(expect.objectContaining({ name: 'TproxyError', code: 'PROTOCOL' }));
}

describe('messages without a body', () => {
  test.each(Object.entries(MessageType))('%s', (_, type) => {
    expect(readType(arrive(writeBare(type)))).toBe(type);
  });
});

describe('sockets', () => {
  const sockets = (count: number) => Array.from({ length: count }, (_, i) => ({ port: i + 1, fd: 100 + i }));

  test.each([
    [0, [0]],
    [1, [1]],
    [SOCKETS_PER_MESSAGE, [250]],
    [SOCKETS_PER_MESSAGE + 1, [250, 1]],
    [600, [250, 250, 100]],
  ])('%i go in pieces of %j', (count, lengths) => {
    const pieces = inPieces(sockets(count));
    expect(pieces.map(({ length }) => length)).toEqual(lengths);
    expect(pieces.flat()).toEqual(sockets(count));
  });

  test('are joined with the ports that are said of them, in order', () => {
    expect(portSockets([1, 2, 3], [100, 101, 102])).toEqual(sockets(3));
    expect(portSockets([], [])).toEqual([]);
  });

  test.each([
    ['fewer than announced', [1, 2], [100]],
    ['more than announced', [1], [100, 101]],
    ['none of those announced', [1], []],
    ['some, with none announced', [], [100]],
  ])('%s are refused', (_, ports, descriptors) => {
    protocolError(() => portSockets(ports, descriptors));
  });
});

describe('bodies', () => {
  const hello = { bridge: 'br0' };
  const configure = { ports: [80, 443, 65535], sockets: [443], more: false, logLevel: 2 };
  const listening = {
    ports: [80],
    sockets: [80],
    more: true,
    failures: [{ port: 443, reason: 'bind (169.254.16.9:443): EADDRINUSE' }],
  };

  test.each([
    ['hello', MessageType.hello, hello, parseHello],
    ['configure', MessageType.configure, configure, parseConfigure],
    ['listening', MessageType.listening, listening, parseListening],
  ])('%s', (_, type, body, parse) => {
    const length = arrive(writeJson(type, body));
    expect(readType(length)).toBe(type);
    expect(parse(readJson(length))).toEqual(body);
  });

  test('what is not asked for is left out', () => {
    expect(parseHello({ ...hello, other: 1 })).toEqual(hello);
    expect(parseConfigure({ ...configure, other: 1 })).toEqual(configure);
    expect(parseListening({ ...listening, other: 1 })).toEqual(listening);
  });

  test('long reasons are cut', () => {
    const [failure] = parseListening({
      ports: [],
      sockets: [],
      more: false,
      failures: [{ port: 1, reason: 'x'.repeat(5000) }],
    }).failures;
    expect(failure?.reason).toBe('x'.repeat(200));
  });

  const NO_PORTS = [
    undefined,
    null,
    80,
    '80',
    {},
    ['80'],
    [0],
    [-1],
    [65536],
    [1.5],
    [null],
    [[80]],
    [Number.NaN],
  ];
  const NO_FLAGS = [undefined, null, 0, 1, 'true', [], {}];
  const NO_LISTS = [undefined, null, 1, 'x', true, [], {}];
  test.each([
    ...NO_LISTS.map((body) => [parseHello, body] as const),
    ...[undefined, 1, null, ['br0'], {}].map((bridge) => [parseHello, { ...hello, bridge }] as const),
    ...NO_LISTS.map((body) => [parseConfigure, body] as const),
    ...NO_PORTS.map((ports) => [parseConfigure, { ...configure, ports }] as const),
    ...NO_PORTS.map((sockets) => [parseConfigure, { ...configure, sockets }] as const),
    ...['2', null, undefined, []].map((logLevel) => [parseConfigure, { ...configure, logLevel }] as const),
    ...NO_FLAGS.map((more) => [parseConfigure, { ...configure, more }] as const),
    ...NO_FLAGS.map((more) => [parseListening, { ...listening, more }] as const),
    ...NO_LISTS.map((body) => [parseListening, body] as const),
    ...NO_PORTS.map((ports) => [parseListening, { ...listening, ports }] as const),
    ...NO_PORTS.map((sockets) => [parseListening, { ...listening, sockets }] as const),
    ...[
      undefined,
      null,
      'x',
      {},
      [1],
      [null],
      ['x'],
      [[]],
      [{}],
      [{ port: 80 }],
      [{ port: 80, reason: 1 }],
    ].map((failures) => [parseListening, { ...listening, failures }] as const),
    [parseListening, { ...listening, failures: [{ port: 0, reason: 'x' }] }] as const,
    // An object whose conversion to text throws.
    [
      parseListening,
      { ...listening, failures: [{ port: 80, reason: { toString: 1, valueOf: 1 } }] },
    ] as const,
    [
      parseListening,
      { ...listening, failures: [{ port: { toString: 1, valueOf: 1 }, reason: 'x' }] },
    ] as const,
  ])('%o refuses %j', (parse, body) => {
    protocolError(() => parse(body));
  });

  test('one that does not fit into a message is not sent in part', () => {
    const body = (count: number) => ({
      ...configure,
      ports: Array.from({ length: count }, (_, i) => 50_000 + i),
    });
    protocolError(() => writeJson(MessageType.configure, body(12_000)));
    const length = arrive(writeJson(MessageType.configure, body(10_000)));
    expect(length).toBeLessThanOrEqual(MESSAGE_BYTES);
    expect(parseConfigure(readJson(length))).toEqual(body(10_000));
  });

  test('no JSON', () => {
    for (const text of ['', '{', 'undefined', '{"a":1}}', '\0']) {
      incoming.bytes.write(text, 4);
      protocolError(() => readJson(4 + text.length));
    }
  });
});

describe('headers', () => {
  test.each([0, 1, 2, 3])('%i bytes are none', (length) => protocolError(() => readType(length)));

  test.each([0, 2, 255])('version %i is refused, with what to do about it', (version) => {
    arrive(writeBare(MessageType.hello));
    incoming.view.setUint8(1, version);
    protocolError(() => readType(4));
    expect(() => readType(4)).toThrow(
      `hand-over: the peer speaks version ${version}, not ${PROTOCOL_VERSION}; run tproxy restart`,
    );
  });
});

describe('random messages', () => {
  const count = amount(100_000, 10_000);
  const random = seeded(4711);
  const below = (limit: number): number => Math.floor(random() * limit);

  /** Any JSON value, with a liking for what the parsers look at. */
  function value(depth: number): unknown {
    const kind = below(depth > 0 ? 9 : 6);
    if (kind === 0) return null;
    if (kind === 1) return random() < 0.5;
    if (kind === 2) return below(70_000) - 1000;
    if (kind === 3) return random() * 1e300;
    if (kind === 4) return String.fromCharCode(...Array.from({ length: below(6) }, () => below(65536)));
    if (kind === 5) return below(65536);
    if (kind < 8) return Array.from({ length: below(5) }, () => value(depth - 1));
    const keys = ['ports', 'sockets', 'bridge', 'failures', 'more', 'logLevel', 'port', 'reason', 'toString'];
    return Object.fromEntries(
      Array.from({ length: below(7) }, () => [keys[below(keys.length)] ?? '', value(depth - 1)]),
    );
  }

  test('are understood or refused with a TproxyError, nothing else', () => {
    const outcomes = { understood: 0, refused: 0 };
    const attempt = (task: () => unknown): void => {
      try {
        task();
        outcomes.understood += 1;
      } catch (error) {
        if (!(error instanceof TproxyError)) throw error;
        outcomes.refused += 1;
      }
    };
    // Half a million stacks would take ten times as long as all the rest.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    onTestFinished(() => {
      Error.stackTraceLimit = stackTraceLimit;
    });
    const noise = Buffer.from(Uint8Array.from({ length: 65_536 }, () => below(256)));
    const bodies = Array.from({ length: count / 20 }, () => {
      const body = value(3);
      return { body, text: Buffer.from(JSON.stringify(body)) };
    });
    const descriptors = Array.from({ length: 64 }, (_, i) => i);
    const parsers = [parseHello, parseConfigure, parseListening];
    for (let i = 0; i < count; i++) {
      const length = below(4) === 0 ? below(5) : 4 + below(200);
      const from = below(65_536 - length);
      incoming.bytes.set(noise.subarray(from, from + length));
      if (below(3) > 0) incoming.view.setUint8(1, PROTOCOL_VERSION);
      if (below(3) > 0) incoming.view.setUint16(2, below(4));
      attempt(() => readType(length));
      attempt(() => portSockets(descriptors.slice(0, below(5)), descriptors.slice(0, below(5))));
      attempt(() => readJson(length));
      const { body, text } = bodies[below(bodies.length)] ?? { body: null, text: Buffer.alloc(0) };
      incoming.bytes.set(text, 4);
      if (below(2) === 0) incoming.view.setUint8(4 + below(text.length), below(128));
      attempt(() => readJson(4 + text.length));
      attempt(() => parsers[i % 3]?.(body));
    }
    expect(outcomes.understood + outcomes.refused).toBe(5 * count);
    expect(outcomes.understood).toBeGreaterThan(count / 2);
    expect(outcomes.refused).toBeGreaterThan(2 * count);
  });
});

test('as many ports as a bridge may have fit into one message, with sockets and failures', () => {
  const ports = Array.from({ length: PORTS_AT_MOST }, (_, i) => 65_535 - i);
  const sockets = ports.slice(0, SOCKETS_PER_MESSAGE);
  const failures = ports.slice(0, FAILURES_AT_MOST).map((port) => ({ port, reason: 'x'.repeat(200) }));
  expect(writeJson(MessageType.configure, { ports, sockets, more: false, logLevel: 2 })).toBeLessThanOrEqual(
    MESSAGE_BYTES,
  );
  expect(writeJson(MessageType.listening, { ports, sockets, more: false, failures })).toBeLessThanOrEqual(
    MESSAGE_BYTES,
  );
});
