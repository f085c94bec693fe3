import { describe, expect, test } from 'vitest';
import { judgeConnection, judgeName, judgeUpstream } from '../../../../src/doctor/way/judge-way.ts';
import type { ProbeResult } from '../../../../src/doctor/way/probe.ts';
import { ONEGATE } from '../../driver/facts.ts';

const TO = '10.11.12.13:5030';

test.each<[Parameters<typeof judgeName>[1], number, object]>([
  [{ address: '10.0.0.1' }, 3, { verdict: 'ok', seen: '10.0.0.1, 3.0 ms' }],
  [{ address: '10.0.0.1' }, 900, { verdict: 'warning', seen: '10.0.0.1, after 900 ms' }],
  [
    { reason: 'x: no such host', remedy: 'correct the name; or ask' },
    3,
    { verdict: 'failed', seen: 'x: no such host', remedy: 'correct the name; or ask' },
  ],
  [
    { reason: 'x: no answer within 3 s' },
    3000,
    { verdict: 'failed', remedy: expect.stringContaining('getent ahostsv4 x') },
  ],
])('name: %j after %i ms', (answer, ms, finding) => {
  expect(judgeName('x', answer, ms)).toMatchObject(finding);
});

function result(outcome: ProbeResult['outcome'], more: Partial<ProbeResult> = {}): ProbeResult {
  return { port: 5030, outcome, taken: outcome !== 'error', connectMs: 2, ms: 20, ...more };
}

describe('upstream, straight', () => {
  test.each<[ProbeResult, object]>([
    [result('silent'), { verdict: 'ok', seen: 'accepts, 2.0 ms' }],
    [result('reset'), { verdict: 'ok' }],
    [
      result('error', { code: 'ECONNREFUSED' }),
      {
        verdict: 'failed',
        seen: `${TO}: refused`,
        remedy: expect.stringContaining('start the service on 10.11.12.13'),
      },
    ],
    [
      result('error', { code: 'ETIMEDOUT', ms: 2000 }),
      {
        verdict: 'failed',
        seen: `${TO} does not answer (waited 2000 ms)`,
        remedy: expect.stringContaining('firewall'),
      },
    ],
    [
      result('error', { code: 'EHOSTUNREACH' }),
      {
        verdict: 'failed',
        seen: `${TO}: no route to the host`,
        remedy: expect.stringContaining('ip route get'),
      },
    ],
    [result('error', { code: 'EODD' }), { verdict: 'failed', seen: `${TO}: EODD` }],
  ])('%j', (direct, finding) => {
    expect(judgeUpstream(ONEGATE.upstream, direct)).toMatchObject(finding);
  });
});

describe('the whole way', () => {
  const REFUSED = result('error', { code: 'ECONNREFUSED' });
  const TIMED_OUT = result('error', { code: 'ETIMEDOUT', ms: 2000 });
  test.each<[string, ProbeResult | undefined, ProbeResult, object]>([
    [
      'answers',
      result('answered'),
      result('answered'),
      { verdict: 'ok', seen: `${TO} answers through the proxy, 20 ms` },
    ],
    ['hangs up when nothing comes', result('ended'), result('ended'), { verdict: 'ok' }],
    [
      'waits for a request',
      result('silent'),
      result('silent'),
      { verdict: 'ok', seen: expect.stringContaining('it waits for a request') },
    ],
    ['resets whoever says nothing', result('reset'), result('reset'), { verdict: 'ok' }],
    [
      'refused by the upstream',
      result('reset'),
      REFUSED,
      { verdict: 'failed', seen: `guests are reset: ${TO}: refused` },
    ],
    [
      'upstream silent',
      result('silent'),
      TIMED_OUT,
      { verdict: 'failed', seen: expect.stringContaining('guests are kept waiting: ') },
    ],
    [
      'reset for another reason',
      result('reset'),
      result('silent'),
      { verdict: 'failed', seen: expect.stringContaining('although') },
    ],
    [
      'nobody takes it',
      result('silent', { taken: false }),
      result('silent'),
      {
        verdict: 'failed',
        seen: expect.stringContaining('nobody takes the connection'),
        remedy: 'run tproxy restart',
      },
    ],
    [
      'nobody listens',
      result('error', { code: 'ECONNREFUSED' }),
      result('silent'),
      { verdict: 'failed', seen: '169.254.16.9:5030: refused', remedy: 'run tproxy reload' },
    ],
    [
      'dropped on the way',
      result('error', { code: 'ETIMEDOUT' }),
      result('silent'),
      { verdict: 'failed', seen: '169.254.16.9:5030: no answer' },
    ],
    ['no result', undefined, result('silent'), { verdict: 'failed' }],
  ])('%s', (_name, through, direct, finding) => {
    expect(judgeConnection(ONEGATE, through, direct, true)).toMatchObject(finding);
  });

  test('plumbing of stock drivers, whose lo is down', () => {
    expect(judgeConnection(ONEGATE, undefined, result('silent'), false)).toMatchObject({
      verdict: 'skipped',
    });
  });
});
