import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../src/config/parse.ts';
import { DEFAULT_SETTINGS } from '../../../../src/model/settings.ts';

const SERVICE = '{service_port: 1, remote_addr: a, remote_port: 1';
const KEYS = ':guest_connections: :guest_rate:';

describe(':tproxy_limits:', () => {
  it.each([
    ['~', {}],
    ['{}', {}],
    ['{:guest_rate: ~}', {}],
    ['{guest_rate: 0}', { guestRate: 0 }],
    [
      '{:guest_connections: 1000000, ":guest_rate": "7", bridge_connections: 2, :bridge_rate: 3}',
      { guestConnections: 1_000_000, guestRate: 7, bridgeConnections: 2, bridgeRate: 3 },
    ],
  ])('%s', (written, limits) => {
    expect(parseConfig(`:tproxy_limits: ${written}\n`)).toMatchObject({
      config: { settings: { limits } },
      problems: [],
    });
    expect(Object.keys(parseConfig(`:tproxy_limits: ${written}\n`).config.settings.limits)).toEqual(
      Object.keys(limits),
    );
  });

  it.each([
    ['7', ':tproxy_limits: is "7" and no mapping', 'write :guest_connections:, :guest_rate:, :bridge'],
    ['[a]', ':tproxy_limits: is a list and no mapping', 'write :guest_connections:'],
    ['false', ':tproxy_limits: is false and no mapping', 'write :guest_connections:'],
    ['{guest_rate: -1}', ':guest_rate: of :tproxy_limits: is "-1", which is no limit', 'from 0 to 1000000'],
    ['{guest_rate: 1000001}', ':guest_rate: of :tproxy_limits: is "1000001"', 'from 0 to 1000000'],
    ['{port_rate: x}', ':port_rate: of :tproxy_limits: is "x", which is no limit', 'from 0 to 1000000'],
    [
      '{port_bandwidth: 100001}',
      ':port_bandwidth: of :tproxy_limits: is "100001", which is no bandwidth in Mbit/s',
      'from 0 to 100000',
    ],
    ['{guest_rate: [1]}', ':guest_rate: of :tproxy_limits: is a list', 'from 0 to 1000000'],
    ['{guest_rat: 1}', 'unknown key ":guest_rat:" of :tproxy_limits:', 'did you mean :guest_rate:?'],
    ['{__proto__: 1}', 'unknown key ":__proto__:" of :tproxy_limits:', `${KEYS} :bridge_connections:`],
    ['{guest_rate: 1, :guest_rate: 1}', ':guest_rate: of :tproxy_limits: stands twice', 'keep one'],
  ])('%s is told, and the other limits count', (written, message, remedy) => {
    const { config, problems } = parseConfig(`# one\n:tproxy_limits: ${written}\n`);
    expect(problems).toMatchObject([{ severity: 'error', line: 2 }]);
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.remedy).toContain(remedy);
    const { policing, settings } = config;
    const { limits } = settings;
    // Nobody knows whether the faulty one was meant to limit ports.
    expect(policing).toBeUndefined();
    expect({ ...settings, limits: {} }).toEqual(DEFAULT_SETTINGS);
    expect(limits).toEqual(written.includes('guest_rate: 1,') ? { guestRate: 1 } : {});
  });

  it('points at the faulty line of several', () => {
    const { config, problems } = parseConfig(':tproxy_limits:\n  :guest_rate: 5\n  :bridge_rate: x\n');
    expect(config.settings.limits).toEqual({ guestRate: 5 });
    expect(problems).toMatchObject([{ line: 3, column: 3, key: 'bridge_rate' }]);
  });
});

describe('what a port of a bridge may send', () => {
  it.each([
    ['', { portRate: 0, portBandwidth: 0 }],
    [':tproxy_limits: {:port_rate: 300}\n', { portRate: 300, portBandwidth: 0 }],
    [':tproxy_limits: {port_bandwidth: "400", guest_rate: 1}\n', { portRate: 0, portBandwidth: 400 }],
    [
      ':tproxy_limits: {port_rate: 1000000, port_bandwidth: 100000}\n',
      { portRate: 1_000_000, portBandwidth: 100_000 },
    ],
    // Entries have nothing to do with it.
    [`:tproxy:\n- ${SERVICE}, nonsense: 1}\n`, { portRate: 0, portBandwidth: 0 }],
    // These may have been meant to.
    [':tproxy_limit: {port_rate: 300}\n', undefined],
    [':tproxy_limits: {port_rat: 300}\n', undefined],
    [':tproxy_limits: {port_rate: 300, port_rate: 300}\n', undefined],
    [':tproxy_limits: 300\n', undefined],
    [':tproxy_limits: {port_rate: 300}\ntproxy_limits: {}\n', undefined],
    [':tproxy_limits: {\n', undefined],
  ])('%j', (text, policing) => {
    expect(parseConfig(text).config.policing).toEqual(policing);
  });

  it('is no limit of a service', () => {
    const { problems } = parseConfig(`tproxy:\n- ${SERVICE}, limits: {port_rate: 1}}\n`);
    expect(problems).toMatchObject([{ message: 'unknown key ":port_rate:" of :limits: of entry 1' }]);
  });
});

describe('options of a service', () => {
  it.each([
    ['', undefined],
    [', proxy_protocol: ~, limits: ~', undefined],
    [', limits: {}', undefined],
    [', :proxy_protocol: v2', { proxyProtocol: 'v2' }],
    [', proxy_protocol: :v2', { proxyProtocol: 'v2' }],
    [', limits: {:guest_rate: 10, guest_connections: 0}', { guestRate: 10, guestConnections: 0 }],
    [', limits: {guest_rate: 1}, proxy_protocol: "v2"', { guestRate: 1, proxyProtocol: 'v2' }],
  ])('%s', (written, options) => {
    const { config, problems } = parseConfig(`tproxy:\n- ${SERVICE}${written}}\n`);
    expect(problems).toEqual([]);
    expect(config.services).toHaveLength(1);
    expect(config.services[0]?.options).toEqual(options);
  });

  it.each([
    ['proxy_protocol: v1', ':proxy_protocol: of entry 1 is "v1", which is no version', 'write v2'],
    ['proxy_protocol: 2', ':proxy_protocol: of entry 1 is "2", which is no version', 'write v2'],
    ['proxy_protocol: true', ':proxy_protocol: of entry 1 is true, which is no version', 'write v2'],
    ['proxy_protocol: [v2]', ':proxy_protocol: of entry 1 is a list, which is no version', 'write v2'],
    ['proxy_protocoll: v2', 'unknown key ":proxy_protocoll:" of entry 1', 'did you mean :proxy_protocol:?'],
    ['limits: 7', ':limits: of entry 1 is "7" and no mapping of limits', 'guest_rate:'],
    ['limit: {guest_rate: 1}', 'unknown key ":limit:" of entry 1', 'did you mean :limits:?'],
    [
      'limits: {guest_rate: x}',
      ':guest_rate: of :limits: of entry 1 is "x", which is no limit',
      'whole number',
    ],
    ['limits: {bridge_rate: 1}', 'unknown key ":bridge_rate:" of :limits: of entry 1', KEYS],
    [
      'limits: {guest_rate: 1, guest_rate: 1}',
      ':guest_rate: of :limits: of entry 1 stands twice',
      'keep one',
    ],
  ])('%s makes the entry unusable', (written, message, remedy) => {
    const { config, problems } = parseConfig(`tproxy:\n- ${SERVICE}, ${written}}\n`);
    expect(problems).toMatchObject([{ severity: 'error', line: 2 }]);
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.remedy).toContain(remedy);
    expect(config.services).toEqual([]);
  });

  it('are told together with other faults, and merged like other keys', () => {
    const { config, problems } = parseConfig(`
:base: &base {remote_addr: a, remote_port: 1, limits: {guest_rate: 3}, proxy_protocol: v2}
:tproxy:
- {<<: *base, service_port: 1}
- {<<: *base, service_port: 2, proxy_protocol: ~}
- {<<: *base, service_port: 0, limits: {guest_rate: x, a: 1}}
`);
    expect(config.services.map(({ options }) => options)).toEqual([
      { guestRate: 3, proxyProtocol: 'v2' },
      { guestRate: 3 },
    ]);
    expect(problems.map(({ key }) => key).toSorted()).toEqual(['a', 'guest_rate', 'service_port']);
  });
});
