import type { Figure } from '../figures/figure.ts';
import { type AllSamples, ratiosOf, spreadOf } from './samples.ts';
import { align } from './table.ts';

/** A median that is worse by more than this share counts, when nearly all rounds agree. */
const TOLERANCE = 0.08;
/** Fewer rounds agree by chance. */
const MIN_ROUNDS = 3;
/** Share of rounds that must agree, so that one disturbed round is not a regression. */
const AGREEING_SHARE = 0.75;

export interface Comparison {
  readonly figure: Figure;
  /** Above 1: the new build is better, whichever way the figure counts. */
  readonly gain: number;
  readonly verdict: 'better' | 'same' | 'worse';
}

/** The new build against the old one, round by round. */
export function compareBuilds(
  figures: readonly Figure[],
  samples: AllSamples,
  fresh: string,
  old: string,
): Comparison[] {
  return figures.flatMap((figure): Comparison[] => {
    const [dividend, divisor] = figure.better === 'more' ? [fresh, old] : [old, fresh];
    const gains = ratiosOf(samples[figure.key], dividend, divisor);
    const gain = spreadOf(gains)?.median;
    if (gain === undefined) return [];
    const agree = (side: (gain: number) => boolean) =>
      gains.filter(side).length >= AGREEING_SHARE * gains.length;
    const tolerance = figure.tolerance ?? TOLERANCE;
    if (gains.length < MIN_ROUNDS) return [{ figure, gain, verdict: 'same' }];
    if (gain < 1 - tolerance && agree((g) => g < 1)) return [{ figure, gain, verdict: 'worse' }];
    if (gain > 1 + tolerance && agree((g) => g > 1)) return [{ figure, gain, verdict: 'better' }];
    return [{ figure, gain, verdict: 'same' }];
  });
}

export function renderComparison(comparisons: readonly Comparison[], label: string): string {
  const rows = comparisons.map(({ figure, gain, verdict }) => [
    verdict === 'same' ? '' : verdict,
    figure.table,
    figure.column,
    `${gain.toFixed(2)}×`,
  ]);
  return [`This build against ${label} (above 1 is better)`, ...align(rows)].join('\n');
}
