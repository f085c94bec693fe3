import { describe, expect, it } from 'vitest';
import {
  type EndpointOptions,
  formatOptions,
  parseOptions,
  sameOptions,
} from '../../../src/model/endpoint-options.ts';

describe('options of an endpoint as a comment', () => {
  it.each<[EndpointOptions, string | undefined]>([
    [{}, undefined],
    [{ proxyProtocol: 'v2' }, 'proxy=v2'],
    [{ guestConnections: 0 }, 'guest-connections=0'],
    [{ guestRate: 10, guestConnections: 50 }, 'guest-connections=50 guest-rate=10'],
    [
      { guestRate: 1_000_000, guestConnections: 1_000_000, proxyProtocol: 'v2' },
      'proxy=v2 guest-connections=1000000 guest-rate=1000000',
    ],
  ])('%j is %j, and the other way round', (options, comment) => {
    expect(formatOptions(options)).toBe(comment);
    expect(parseOptions(comment)).toEqual(options);
    expect(Buffer.byteLength(comment ?? '')).toBeLessThanOrEqual(60);
  });

  it.each<[string, EndpointOptions]>([
    ['', {}],
    ['OneGate, ask the web team', {}],
    ['for proxy=v2 and guest-rate=7 see the wiki', { proxyProtocol: 'v2', guestRate: 7 }],
    ['guest-rate=7  proxy=v2 ', { proxyProtocol: 'v2', guestRate: 7 }],
    ['guest-rate=1 guest-rate=2', { guestRate: 1 }],
    ['proxy=v1 proxy=v22 Proxy=v2 proxy=', {}],
    ['guest-rate=-1 guest-rate=07 guest-rate=1e3 guest-rate= guest-rate=1000001', {}],
    ['guest-rate=99999999999999999999999 guest-connections=٣', {}],
    ['__proto__=1 constructor=2 bridge-rate=1', {}],
  ])('%j of somebody else is understood as far as it goes', (comment, options) => {
    expect(parseOptions(comment)).toEqual(options);
  });

  it.each<[string | undefined, string | undefined, boolean]>([
    [undefined, undefined, true],
    [undefined, 'a note', true],
    ['a note', 'another', true],
    ['guest-rate=1 proxy=v2', 'proxy=v2 guest-rate=1', true],
    [undefined, 'proxy=v2', false],
    [undefined, 'guest-rate=0', false],
    ['guest-rate=1', 'guest-rate=2', false],
    ['guest-rate=1', 'guest-connections=1', false],
  ])('%j and %j: same %s', (a, b, same) => {
    expect(sameOptions(a, b)).toBe(same);
    expect(sameOptions(b, a)).toBe(same);
  });
});
