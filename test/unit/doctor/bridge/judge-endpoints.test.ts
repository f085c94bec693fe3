import { describe, expect, test } from 'vitest';
import { judgeListening, judgeMap } from '../../../../src/doctor/bridge/judge-endpoints.ts';
import type { Endpoint } from '../../../../src/model/endpoint.ts';
import { CUSTOM, ONEGATE } from '../../driver/facts.ts';

const MOVED: Endpoint = { ...ONEGATE, upstream: { address: '10.9.9.9', port: 1 } };

describe('map against configuration', () => {
  test.each<[string, readonly Endpoint[] | undefined, readonly Endpoint[] | undefined, object]>([
    ['the same', [ONEGATE], [ONEGATE], { verdict: 'ok', seen: '5030 → 10.11.12.13:5030' }],
    ['nobody knows what it should be', [ONEGATE], undefined, { verdict: 'ok' }],
    ['neither', undefined, [], { verdict: 'ok', seen: 'map ep_br0 is empty: no service for this bridge' }],
    [
      'no map',
      undefined,
      [ONEGATE],
      { verdict: 'failed', seen: 'there is no map ep_br0', remedy: 'run tproxy apply' },
    ],
    ['no map and no plan', undefined, undefined, { verdict: 'failed', seen: 'there is no map ep_br0' }],
    [
      'empty',
      [],
      [ONEGATE],
      { verdict: 'failed', seen: expect.stringContaining('lacks what the configuration asks for: 5030') },
    ],
    [
      'another upstream',
      [MOVED],
      [ONEGATE],
      { verdict: 'failed', seen: expect.stringContaining('5030 → 10.11.12.13:5030') },
    ],
    [
      'one too many',
      [ONEGATE, CUSTOM],
      [ONEGATE],
      { verdict: 'warning', seen: expect.stringContaining('does not ask for: 1234 → 10.11.12.34:1234') },
    ],
  ])('%s', (_name, mapped, wanted, finding) => {
    expect(judgeMap('br0', mapped, wanted)).toMatchObject(finding);
  });
});

describe('listening sockets against map', () => {
  test.each<[string, readonly Endpoint[], readonly string[], object]>([
    ['the same', [ONEGATE], ['169.254.16.9:5030'], { verdict: 'ok', seen: '169.254.16.9:5030' }],
    ['none', [], [], { verdict: 'ok', seen: 'nothing listens, as it should be' }],
    [
      'nobody listens',
      [ONEGATE, CUSTOM],
      ['169.254.16.9:5030'],
      {
        verdict: 'failed',
        seen: 'nobody listens on 169.254.16.9:1234',
        remedy: expect.stringMatching(/^run tproxy reload/),
      },
    ],
    ['on another address', [ONEGATE], ['127.0.0.1:5030'], { verdict: 'failed' }],
    [
      'somebody else',
      [ONEGATE],
      ['169.254.16.9:5030', '0.0.0.0:22'],
      { verdict: 'warning', seen: expect.stringContaining('somebody listens on 0.0.0.0:22') },
    ],
  ])('%s', (_name, mapped, listening, finding) => {
    expect(judgeListening('br0', mapped, listening)).toMatchObject(finding);
  });
});
