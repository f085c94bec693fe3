import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, type Settings } from '../../../src/model/settings.ts';
import { parseSettings, settingsText } from '../../../src/process/settings-json.ts';

describe('settings that come from another process', () => {
  it('are what was sent', () => {
    const settings: Settings = {
      debugLevel: 3,
      drainTimeoutS: 0,
      lingerTimeoutS: 1,
      connectTimeoutS: 2,
      keepaliveS: 3,
      idleTimeoutS: 4,
      workers: 3,
      processOwner: 'nobody',
      limits: { guestConnections: 0, guestRate: 1, bridgeConnections: 1_000_000, bridgeRate: 7 },
    };
    expect(parseSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['text', 'text'],
    ['a list', [1, 2]],
    ['another version that knows nothing of limits', {}],
    ['limits that are text', { limits: 'all' }],
    ['limits that are nothing', { limits: null }],
    [
      'odd limits',
      { limits: { guestRate: -1, guestConnections: 1.5, bridgeRate: '7', bridgeConnections: 1e9 } },
    ],
    ['limits nobody knows', JSON.parse('{"limits":{"__proto__":{"guestRate":1},"other":1}}')],
    ['odd values', { debugLevel: 7, connectTimeoutS: -1, keepaliveS: 'x', processOwner: 7, workers: 0 }],
    ['too many workers', { workers: 65 }],
    ['what the kernel would not take', { keepaliveS: 32_768, connectTimeoutS: 0, drainTimeoutS: 1.5 }],
  ])('take their defaults where they are missing or odd: %s', (_what, value) => {
    expect(parseSettings(value)).toEqual(DEFAULT_SETTINGS);
  });

  it('have nothing beside them', () => {
    const config = { ...DEFAULT_SETTINGS, services: [1, 2, 3] };
    expect(JSON.parse(settingsText(config))).toEqual(DEFAULT_SETTINGS);
  });
});
