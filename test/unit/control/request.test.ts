import { expect, test } from 'vitest';
import { REQUEST_BYTES } from '../../../src/control/bounds.ts';
import { parseRequest, type Request, requestLine } from '../../../src/control/request.ts';
import type { Endpoint } from '../../../src/model/endpoint.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';

const endpoint = { servicePort: 5030, upstream: { address: '10.0.0.1', port: 80 }, comment: 'proxy=v2' };

test.each<Request>([
  { op: 'sync', request: { settings: DEFAULT_SETTINGS } },
  { op: 'sync', request: { settings: DEFAULT_SETTINGS, bridge: 'onebr0.1234' } },
  { op: 'serves', request: { bridge: 'br0', endpoints: [endpoint], settings: DEFAULT_SETTINGS } },
  { op: 'prepare', request: {} },
  { op: 'yield', request: {} },
  { op: 'count', request: {} },
  { op: 'stats', request: { byGuest: true } },
  { op: 'relays', request: {} },
])('what a command asks arrives as it was asked: %j', ({ op, request }) => {
  const line = requestLine(op, request);
  expect(line).toMatch(/^[^\n]+\n$/);
  expect(parseRequest(line)).toEqual({ op, request });
});

test('what whoever asks has beside its settings does not travel', () => {
  const config = { ...DEFAULT_SETTINGS, services: Array.from({ length: 2000 }, () => endpoint) };
  expect(requestLine('sync', { settings: config })).toBe(requestLine('sync', { settings: DEFAULT_SETTINGS }));
});

// What the version before this one asked, which may still be the one that takes over or is called.
test.each([
  ['{"op":"prepare"}', { op: 'prepare', request: {} }],
  ['{"op":"yield"}', { op: 'yield', request: {} }],
  [
    '{"op":"sync","settings":{"services":[1],"limits":{}}}',
    { op: 'sync', request: { settings: DEFAULT_SETTINGS } },
  ],
])('an older version is understood: %s', (line, request) => {
  expect(parseRequest(line)).toEqual(request);
});

test.each([
  ['a bridge that is no name', { op: 'sync', bridge: 'br/0' }],
  ['a bridge that is no text', { op: 'sync', bridge: 7 }],
  ['no bridge', { op: 'serves', endpoints: [endpoint] }],
  ['no endpoints', { op: 'serves', bridge: 'br0' }],
  ['endpoints that are none', { op: 'serves', bridge: 'br0', endpoints: [endpoint, { servicePort: 1 }] }],
  ['no known word', { op: 'dance' }],
  ['a word of the language', { op: 'constructor' }],
  ['a list', []],
])('%s is refused', (_what, request) => {
  expect(() => parseRequest(JSON.stringify(request))).toThrow(
    expect.objectContaining({ code: 'PROTOCOL', remedy: 'run tproxy restart' }),
  );
});

function endpoints(count: number): Endpoint[] {
  const comment = 'x'.repeat(120);
  const address = '255.255.255.255';
  return Array.from({ length: count }, (_, i) => ({
    servicePort: i + 1,
    upstream: { address, port: 65_535 },
    comment,
  }));
}

test('as many endpoints as a configuration can hold fit, and what does not is never sent', () => {
  const ask = (count: number) =>
    requestLine('serves', { bridge: 'br0', endpoints: endpoints(count), settings: DEFAULT_SETTINGS });
  expect(ask(16_000).length).toBeGreaterThan(1024 * 1024);
  expect(() => ask(65_535)).toThrow(
    expect.objectContaining({
      code: 'TOO_BIG',
      what: expect.stringMatching(
        new RegExp(`^control socket: request serves has \\d+ bytes, at most ${REQUEST_BYTES} fit$`),
      ),
      remedy: 'configure fewer services',
    }),
  );
});
