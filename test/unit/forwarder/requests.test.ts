import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type Asked, handlersOf } from '../../../src/forwarder/requests.ts';
import type { Endpoint } from '../../../src/model/endpoint.ts';
import { parseSettings } from '../../../src/process/settings-json.ts';

const SETTINGS = parseSettings({ debugLevel: 3, limits: { guestRate: 5 } });
const ENDPOINTS: readonly Endpoint[] = [{ servicePort: 80, upstream: { address: '10.0.0.1', port: 8080 } }];

let done: unknown[];
let asked: Asked;
beforeEach(() => {
  done = [];
  const report = { bridges: [{ bridge: 'br0' }], served: 1, warnings: [] };
  asked = {
    settings: SETTINGS,
    sync: async (...request) => {
      done.push(['sync', ...request]);
      return report;
    },
    serves: (bridge, endpoints) => bridge === 'br0' && endpoints === ENDPOINTS,
    heal: async () => void done.push('heal'),
    yieldToSuccessor: async () => void done.push('yield'),
    observation: {
      countRelays: async () => ({ bridges: [], relays: 7 }),
      stats: async (byGuest) => ({ byGuest }) as never,
      relays: async () => ({ relays: [] }) as never,
    },
  };
});

test('a sync is done with the settings that were sent, for one bridge or for all', async () => {
  await handlersOf(asked).sync({ settings: SETTINGS, bridge: 'br0' });
  expect(await handlersOf(asked).sync({ settings: SETTINGS })).toMatchObject({ served: 1 });
  expect(done).toEqual([
    ['sync', SETTINGS, 'br0'],
    ['sync', SETTINGS, undefined],
  ]);
});

test.each([
  ['as it is', 'br0', SETTINGS, true],
  ['with settings that say the same', 'br0', parseSettings(JSON.parse(JSON.stringify(SETTINGS))), true],
  ['with other settings', 'br0', parseSettings({ debugLevel: 3 }), false],
  ['another bridge', 'br1', SETTINGS, false],
])('is it served, %s', async (_, bridge, settings, served) => {
  const request = { bridge, endpoints: ENDPOINTS, settings };
  expect(await handlersOf(asked).serves(request)).toEqual({ served });
});

test('a successor is answered when listeners are back, and when they are left to it', async () => {
  expect(await handlersOf(asked).prepare({})).toEqual({});
  expect(await handlersOf(asked).yield({})).toEqual({});
  expect(done).toEqual(['heal', 'yield']);
});

test('a successor is not kept waiting for listeners that do not come back', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const answered = handlersOf({ ...asked, heal: () => new Promise(() => undefined) }).prepare({});
  await vi.advanceTimersByTimeAsync(6000);
  expect(await answered).toEqual({});
});

test('what was counted is told', async () => {
  expect(await handlersOf(asked).count({})).toMatchObject({ relays: 7 });
  expect(await handlersOf(asked).stats({ byGuest: true })).toEqual({ byGuest: true });
  expect(await handlersOf(asked).relays({})).toEqual({ relays: [] });
});
