import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { TEST_MS } from '../support/patience.ts';
import { Judge, type Told } from '../torture/judge.ts';
import { compare } from '../torture/settled.ts';
import { CLOSED, Timeline } from '../torture/timeline.ts';
import type { Weight } from '../torture/weights.ts';

const RUN = fileURLToPath(new URL('../torture/run.sh', import.meta.url));
/** A fifth of it on a quiet machine. */
const LIMIT_MS = 0.9 * TEST_MS;

function run(...args: readonly string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', [RUN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}

test('reloads, restarts and kills under constant traffic on three bridges hurt no guest', async () => {
  const { status, output } = await run('--short');
  expect(output).toMatch(/^ok: descriptors, memory and processes are where they began$/m);
  const zeros = [
    'refused, though the service was there',
    'broken relays',
    'wrong bytes',
    'wrong upstream',
    'timeouts',
  ];
  for (const row of zeros) expect(output).toMatch(new RegExp(`^${row} +0$`, 'm'));
  expect(output).toMatch(/^reloads +40,/m);
  expect(output).toMatch(/^forwarders killed, stopped +4, 0$/m);
  expect(status).toBe(0);
});

test('a wrong argument is an error, not a run', async () => {
  expect(await run('--reloads', 'many')).toMatchObject({
    status: 1,
    output: expect.stringContaining('--reloads'),
  });
});

/** A judge of one service that led to 7000, to 7001 from 100 to 200 on, and was closed from 300 to 400 on. */
function judge(): Judge {
  const timeline = new Timeline(7000);
  for (const [upstream, began] of [
    [7001, 100],
    [CLOSED, 300],
  ] as const) {
    timeline.begin(upstream, began);
    timeline.done(began + 100);
  }
  const judge_ = new Judge(new Map([['br0', new Map([[5030, timeline]])]]));
  judge_.kills.push({ before: 990, after: 1000, over: 1100, since: 500 });
  return judge_;
}

const GOOD: Told = {
  kind: 'short',
  port: 5030,
  from: 40_000,
  start: 10,
  reached: 20,
  end: 30,
  outcome: 'ok',
  upstream: 7000,
  bytes: 1,
  note: '',
};

describe('the judge', () => {
  test.each<[string, Partial<Told>, string]>([
    ['old upstream before the change', {}, 'right'],
    ['new upstream before the change', { upstream: 7001 }, 'wrongUpstream'],
    ['old upstream while it changes', { start: 150, reached: 160, end: 170 }, 'right'],
    ['new upstream while it changes', { start: 150, reached: 160, end: 170, upstream: 7001 }, 'right'],
    ['old upstream after the change', { start: 201, reached: 210, end: 220 }, 'wrongUpstream'],
    ['new upstream after the change', { start: 201, reached: 210, end: 220, upstream: 7001 }, 'right'],
    [
      'any upstream after it is closed',
      { start: 401, reached: 410, end: 420, upstream: 7001 },
      'wrongUpstream',
    ],
    ['refused while it is open', { outcome: 'refused', reached: 0 }, 'refused'],
    [
      'refused after it is closed',
      { start: 401, end: 402, outcome: 'refused', reached: 0 },
      'rightlyRefused',
    ],
    [
      'reset while it is being closed',
      { start: 290, end: 350, outcome: 'reset', reached: 0 },
      'rightlyRefused',
    ],
    ['a relay reset while its port is closed', { end: 350, outcome: 'reset' }, 'broken'],
    ['cut', { outcome: 'cut' }, 'broken'],
    ['wrong bytes', { outcome: 'wrong' }, 'wrongBytes'],
    ['too slow', { outcome: 'timeout' }, 'timeouts'],
    [
      'a relay of the forwarder that was killed',
      { start: 250, reached: 600, end: 1001, outcome: 'reset', upstream: 7001 },
      'killed',
    ],
    ['a relay of an older forwarder', { end: 1001, outcome: 'reset' }, 'broken'],
    [
      'a relay that breaks long after the kill',
      { start: 250, reached: 600, end: 5200, outcome: 'reset', upstream: 7001 },
      'broken',
    ],
  ])('%s: %#', (_, told, verdict) => {
    const judge_ = judge();
    expect(judge_.take('br0', { ...GOOD, ...told })).toBe(verdict);
    const isFault = !['right', 'rightlyRefused', 'killed'].includes(verdict);
    expect(judge_.faults).toBe(isFault ? 1 : 0);
    expect(judge_.examples).toHaveLength(isFault ? 1 : 0);
  });
});

describe('a signal that takes a while to be sent', () => {
  /** Sent between 40 and 60; its process was gone at 80. */
  function killed(told: Partial<Told>): string {
    const judge_ = judge();
    judge_.kills.push({ before: 40, after: 60, over: 80, since: 0 });
    return judge_.take('br0', { ...GOOD, outcome: 'reset', ...told });
  }

  test.each<[string, Partial<Told>, string]>([
    ['began before it', { start: 10, reached: 20, end: 85 }, 'killed'],
    ['began meanwhile and was served', { start: 45, reached: 50, end: 85 }, 'killed'],
    ['began meanwhile and was not', { start: 59, reached: 0, end: 85 }, 'killed'],
    ['began after it', { start: 61, reached: 66, end: 85 }, 'broken'],
    ['broke before it', { start: 10, reached: 20, end: 39 }, 'broken'],
  ])('a relay that %s', (_, told, verdict) => expect(killed(told)).toBe(verdict));
});

describe('what is left in the end', () => {
  const before: Weight = {
    title: 'one_tproxy',
    pid: 1,
    sockets: 7,
    pipes: 10,
    otherDescriptors: 17,
    privateKb: 30_000,
  };
  test.each<[string, Partial<Weight>]>([
    ['a socket', { sockets: 8 }],
    ['a descriptor', { otherDescriptors: 18 }],
    ['pipes', { pipes: 200 }],
    ['memory', { privateKb: 60_000 }],
    ['another process', { title: 'tproxy_old' }],
  ])('%s is told', (_, more) => {
    expect(compare('now', [before], [{ ...before, ...more }])).toHaveLength(1);
    expect(compare('now', [before], [{ ...before, pid: 2, privateKb: 31_000 }])).toEqual([]);
  });
});
