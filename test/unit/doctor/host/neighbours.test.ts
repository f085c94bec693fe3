import { describe, expect, test } from 'vitest';
import { examineNeighbours, judgeNeighbours } from '../../../../src/doctor/host/neighbours.ts';

const counts = (entries: string, ...fulls: string[]): string =>
  ['entries  allocs   table_fulls', ...fulls.map((full) => `${entries} 00006401 ${full}`)].join('\n');

describe('the table of neighbours', () => {
  test.each([
    ['nearly empty', counts('00000002', '00000000', '00000000'), 1024, 'ok', '2 of 1024 entries'],
    ['nearly full', counts('00000334', '00000000', '00000000'), 1024, 'warning', '820 of 1024 entries'],
    [
      'full before, of the size that it comes in',
      counts('000001d2', '000000a8', '00000070'),
      1024,
      'warning',
      '466 of 1024 entries, but it was full 280 times since the machine started',
    ],
    [
      'full before it was made larger',
      counts('00000334', '000000a8', '00000070'),
      8192,
      'ok',
      '820 of 8192 entries',
    ],
  ])('%s', (_, text, limit, verdict, seen) => {
    expect(judgeNeighbours(text, limit)).toMatchObject({ verdict, seen });
  });

  test('the remedy is a larger one, to be kept', () => {
    expect(judgeNeighbours(counts('00000400', '00000001'), 1024)).toMatchObject({
      remedy:
        'make it larger: sysctl -w net.ipv4.neigh.default.gc_thresh3=8192, and the same line in /etc/sysctl.d',
    });
  });

  test("this machine's can be read, or needs the host", async () => {
    const finding = await examineNeighbours();
    if (finding.verdict === 'skipped') expect(finding.reason).toMatch(/^needs /);
    else expect(finding.seen).toMatch(/^\d+ of \d+ entries/);
  });
});
