import { describe, expect, it } from 'vitest';
import {
  arpChainName,
  bridgeOfEndpointMap,
  bridgePort,
  endpointMapName,
  isBridgeName,
  listenerTitle,
  netnsDevice,
  netnsName,
} from '../../../src/model/names.ts';

describe('isBridgeName', () => {
  it.each(['br0', 'onebr7', 'onebr0.1234', 'br-lan', 'BR_1', '_', '0', 'a'.repeat(15), 'br0.', 'br-'])(
    'takes %s',
    (name) => {
      expect(isBridgeName(name)).toBe(true);
    },
  );

  it.each([
    '',
    'a'.repeat(16),
    '.',
    '..',
    '.br0',
    '-br0',
    'br 0',
    'br0\n',
    'br/0',
    'br:0',
    'br0@if3',
    'br"0',
    'br{0}',
    'br;0',
    'brücke',
    '\u{1F600}',
  ])('refuses %j', (name) => {
    expect(isBridgeName(name)).toBe(false);
  });
});

describe('names that come from a bridge', () => {
  it.each([
    ['br0', 'br0b', 'br0a'],
    ['onebr0.1234', 'onebr0.1234b', 'onebr0.1234a'],
    ['br-lan', 'br-lanb', 'br-lana'],
    ['fourteen_bytes', 'fourteen_bytesb', 'fourteen_bytesa'],
  ])('%s', (bridge, port, device) => {
    expect(bridgePort(bridge)).toBe(port);
    expect(netnsDevice(bridge)).toBe(device);
    expect(netnsName(bridge)).toBe(`one_tproxy_${bridge}`);
    expect(listenerTitle(bridge)).toBe(`one_tproxy_${bridge}`);
    expect(endpointMapName(bridge)).toBe(`ep_${bridge}`);
    expect(arpChainName(bridge)).toBe(`ch_${bridge}`);
  });

  it('of 15 bytes have a hash in place of what does not fit, the same on every host', () => {
    expect(bridgePort('onebr4096.12345')).toBe('otp4c87a2dd0cb');
    expect(netnsDevice('onebr4096.12345')).toBe('otp4c87a2dd0ca');
    const bridges = Array.from({ length: 200 }, (_, i) => `onebr${String(i).padStart(10, '0')}`);
    const devices = bridges.flatMap((bridge) => [bridgePort(bridge), netnsDevice(bridge)]);
    expect(new Set(devices).size).toBe(400);
    for (const device of devices) expect(device).toMatch(/^otp[0-9a-f]{10}[ab]$/);
  });
});

describe('bridgeOfEndpointMap', () => {
  it.each([
    ['ep_br0', 'br0'],
    ['ep_onebr0.1234', 'onebr0.1234'],
    ['ep_br-lan', 'br-lan'],
    [`ep_${'a'.repeat(15)}`, 'a'.repeat(15)],
    ['ep_', undefined],
    ['ep_.x', undefined],
    [`ep_${'a'.repeat(16)}`, undefined],
    ['ch_br0', undefined],
    ['br0', undefined],
    ['', undefined],
  ])('%s is of %s', (map, bridge) => {
    expect(bridgeOfEndpointMap(map)).toBe(bridge);
  });
});
