import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type Asked, answer } from '../../../src/forwarder/requests.ts';
import type { Endpoint } from '../../../src/model/endpoint.ts';
import { parseSettings } from '../../../src/process/settings-json.ts';

const SETTINGS = parseSettings({ debugLevel: 3, limits: { guestRate: 5 } });
const ENDPOINTS: readonly Endpoint[] = [{ servicePort: 80, upstream: { address: '10.0.0.1', port: 8080 } }];

let done: unknown[];
let asked: Asked;
beforeEach(() => {
  done = [];
  const report = { ok: true, bridges: [{ bridge: 'br0' }] };
  asked = {
    settings: SETTINGS,
    sync: async (...request) => {
      done.push(['sync', ...request]);
      return report;
    },
    serves: (bridge, endpoints) => bridge === 'br0' && endpoints === ENDPOINTS,
    heal: async () => report.bridges,
    yieldToSuccessor: async () => void done.push('yield'),
    observation: {
      countRelays: async () => ({ ok: true, bridges: [], relays: 7 }),
      stats: async (byGuest) => ({ byGuest }) as never,
      relays: async () => ({ relays: [] }) as never,
    },
  };
});

test('a sync is done with the settings that were sent, for one bridge or for all', async () => {
  await answer({ op: 'sync', settings: SETTINGS, bridge: 'br0' }, asked);
  expect(await answer({ op: 'sync', settings: SETTINGS }, asked)).toMatchObject({ ok: true });
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
])('is it served, %s', async (_, bridge, settings, ok) => {
  const request = { op: 'serves', bridge, endpoints: ENDPOINTS, settings } as const;
  expect(await answer(request, asked)).toEqual({ ok, bridges: [] });
});

test('a successor is answered when listeners are back, and when they are left to it', async () => {
  expect(await answer({ op: 'prepare' }, asked)).toEqual({ ok: true, bridges: [{ bridge: 'br0' }] });
  expect(await answer({ op: 'yield' }, asked)).toEqual({ ok: true, bridges: [] });
  expect(done).toEqual(['yield']);
});

test('a successor is not kept waiting for listeners that do not come back', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const answered = answer({ op: 'prepare' }, { ...asked, heal: () => new Promise(() => undefined) });
  await vi.advanceTimersByTimeAsync(6000);
  expect(await answered).toEqual({ ok: true, bridges: [] });
});

test('what was counted is told', async () => {
  expect(await answer({ op: 'count' }, asked)).toMatchObject({ relays: 7 });
  expect(await answer({ op: 'stats', byGuest: true }, asked)).toEqual({ byGuest: true });
  expect(await answer({ op: 'relays' }, asked)).toEqual({ relays: [] });
});
