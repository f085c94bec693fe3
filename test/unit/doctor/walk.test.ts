import { describe, expect, test } from 'vitest';
import {
  allHolds,
  type Check,
  type Examination,
  type Finding,
  failed,
  ok,
  warning,
} from '../../../src/doctor/check.ts';
import { walk } from '../../../src/doctor/walk.ts';
import { MissingToolError, TproxyError } from '../../../src/errors.ts';

function check(
  id: string,
  examine: () => Finding | Promise<Finding>,
  more: Partial<Examination> = {},
): Examination {
  return { id, part: { is: 'host' }, title: `check ${id}`, needs: [], examine, ...more };
}

const findings = (checks: readonly Check[]): Finding[] => checks.map(({ finding }) => finding);

test('checks come in the order of the list, however long each takes', async () => {
  let release = (): void => undefined;
  const first = new Promise<void>((resolve) => {
    release = resolve;
  });
  const checks = await walk([
    check('slow', async () => {
      await first;
      return ok('slow');
    }),
    check('quick', () => {
      release();
      return ok('quick');
    }),
  ]);
  expect(checks.map(({ id }) => id)).toEqual(['slow', 'quick']);
});

describe('a check that needs another', () => {
  test.each([
    { first: ok('fine'), second: ok('made') },
    { first: warning('odd', 'look'), second: ok('made') },
    { first: failed('broken', 'mend'), second: { verdict: 'skipped', reason: 'needs check a' } },
  ])('after $first.verdict', async ({ first, second }) => {
    const checks = await walk([check('a', () => first), check('b', () => ok('made'), { needs: ['a'] })]);
    expect(findings(checks)).toEqual([first, second]);
  });

  test('is skipped when that one was, and says so', async () => {
    const checks = await walk([
      check('a', () => failed('broken', 'mend')),
      check('b', () => ok('b'), { needs: ['a'] }),
      check('c', () => ok('c'), { needs: ['b'] }),
    ]);
    expect(checks[2]?.finding).toEqual({ verdict: 'skipped', reason: 'needs check b, which was skipped' });
  });

  test('finds those of its own bridge by key', async () => {
    const on = (bridge: string) => ({ part: { is: 'bridge', bridge } }) as const;
    const checks = await walk([
      check('veth', () => failed('gone', 'mend'), on('br0')),
      check('veth', () => ok('there'), on('br1')),
      check('inside', () => ok('made'), { ...on('br0'), needs: ['br0/veth'] }),
      check('inside', () => ok('made'), { ...on('br1'), needs: ['br1/veth'] }),
    ]);
    expect(checks.map(({ finding }) => finding.verdict)).toEqual(['failed', 'ok', 'skipped', 'ok']);
  });
});

test.each([
  [
    new MissingToolError('nft', 'install the package nftables'),
    'nft: not found',
    'install the package nftables',
  ],
  [
    new TproxyError('bridge br0: odd; it says so', { remedy: 'look at it; then again' }),
    'bridge br0: odd; it says so',
    'look at it; then again',
  ],
])('what a check throws is its failure: %s', async (error, seen, remedy) => {
  const checks = await walk([
    check('a', () => {
      throw error;
    }),
    check('b', () => ok('goes on')),
  ]);
  expect(findings(checks)).toEqual([failed(seen, remedy), ok('goes on')]);
});

test('a bug is a failed check that says where', async () => {
  const [only] = await walk([check('a', () => Promise.reject(new TypeError('x is undefined')))]);
  expect(only?.finding).toMatchObject({
    verdict: 'failed',
    seen: 'the check itself broke: x is undefined',
    remedy: expect.stringMatching(/^report this: at .*walk\.test\.ts/),
  });
});

test('a check that takes longer than its limit has failed, and the walk ends', async () => {
  const [only] = await walk([check('a', () => new Promise<Finding>(() => undefined), { limitMs: 20 })]);
  expect(only?.finding).toMatchObject({ verdict: 'failed', seen: 'no answer within 0.02 s' });
});

test('not too many at a time', async () => {
  let running = 0;
  let most = 0;
  const checks = Array.from({ length: 40 }, (_, index) =>
    check(`${index}`, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return ok('');
    }),
  );
  expect(await walk(checks)).toHaveLength(40);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(8);
});

test('only a failure means that something does not hold', async () => {
  const made = async (...list: Finding[]): Promise<boolean> =>
    allHolds(await walk(list.map((finding, index) => check(`${index}`, () => finding))));
  expect(await made(ok(''), warning('', ''), { verdict: 'skipped', reason: '' })).toBe(true);
  expect(await made(ok(''), failed('', ''))).toBe(false);
});
