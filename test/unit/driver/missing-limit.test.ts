import { expect, test } from 'vitest';
import { warnOfMissingLimit } from '../../../src/driver/settle.ts';

test.each([
  ['the limit is left out', { portRate: 300, portBandwidth: 0 }, ['police'], 1],
  ['nft carries it', { portRate: 300, portBandwidth: 0 }, [], 0],
  ['none is configured', { portRate: 0, portBandwidth: 0 }, ['police'], 0],
  ['nobody knows what is configured', undefined, ['police'], 0],
] as const)('up warns of a limit that is not in force: %s', async (_, policing, lacks, count) => {
  const warnings: string[] = [];
  await warnOfMissingLimit({
    policing,
    nft: async () => ({ ibrname: true, lacks: new Set(lacks) }),
    report: { info: () => {}, warning: (text) => warnings.push(text), error: () => {} },
  });
  expect(warnings).toHaveLength(count);
  if (count > 0) expect(warnings[0]).toContain('a port may send more than 300 new connections/s: this nft');
});
