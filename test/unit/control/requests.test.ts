import { expect, test } from 'vitest';
import type { ControlRequest } from '../../../src/control/ask.ts';
import { parseControlRequest } from '../../../src/control/requests.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';

const endpoint = { servicePort: 5030, upstream: { address: '10.0.0.1', port: 80 }, comment: 'proxy=v2' };

test.each<ControlRequest>([
  { op: 'sync', settings: DEFAULT_SETTINGS },
  { op: 'sync', settings: DEFAULT_SETTINGS, bridge: 'onebr0.1234' },
  { op: 'serves', bridge: 'br0', endpoints: [endpoint], settings: DEFAULT_SETTINGS },
  { op: 'yield' },
  { op: 'count' },
  { op: 'stats', byGuest: true },
  { op: 'relays' },
])('what a command asks arrives as it was asked: %j', (request) => {
  expect(parseControlRequest(JSON.stringify(request))).toEqual(request);
});

test.each([
  ['a bridge that is no name', { op: 'sync', bridge: 'br/0' }],
  ['a bridge that is no text', { op: 'sync', bridge: 7 }],
  ['no bridge', { op: 'serves', endpoints: [endpoint] }],
  ['no endpoints', { op: 'serves', bridge: 'br0' }],
  ['endpoints that are none', { op: 'serves', bridge: 'br0', endpoints: [endpoint, { servicePort: 1 }] }],
  ['no known word', { op: 'dance' }],
])('%s is refused', (_what, request) => {
  expect(() => parseControlRequest(JSON.stringify(request))).toThrow(
    expect.objectContaining({ code: 'PROTOCOL' }),
  );
});
