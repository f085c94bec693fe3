/** Numbers of one figure: per peer a list with one place per round. */
export type Samples = Record<string, (number | undefined)[]>;

/** All figures of a run, by key. */
export type AllSamples = Record<string, Samples>;

/** Notes the number of one round. */
export function addSample(
  samples: AllSamples,
  figure: string,
  peer: string,
  round: number,
  value: number,
): void {
  const ofFigure = samples[figure] ?? {};
  const ofPeer = ofFigure[peer] ?? [];
  ofPeer[round] = value;
  ofFigure[peer] = ofPeer;
  samples[figure] = ofFigure;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Undefined when there is nothing to sum up. */
export function spreadOf(values: readonly (number | undefined)[] | undefined): Spread | undefined {
  const sorted = (values ?? []).filter((value) => value !== undefined).sort((a, b) => a - b);
  const min = sorted.at(0);
  const max = sorted.at(-1);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (min === undefined || max === undefined || low === undefined || high === undefined) return undefined;
  return { median: (low + high) / 2, min, max };
}

/**
 * `a` divided by `b`, round by round: what both had to bear in a round is no difference between them. Rounds that lack
 * one of them, or in which `b` is 0, are left out.
 */
export function ratiosOf(samples: Samples | undefined, a: string, b: string): number[] {
  const dividends = samples?.[a] ?? [];
  const divisors = samples?.[b] ?? [];
  return dividends.flatMap((dividend, round) => {
    const divisor = divisors[round];
    return dividend === undefined || divisor === undefined || divisor === 0 ? [] : [dividend / divisor];
  });
}

/** Median of the ratios of the rounds; the ratio of the medians when no round has both. */
export function medianRatio(samples: Samples | undefined, a: string, b: string): number | undefined {
  const paired = spreadOf(ratiosOf(samples, a, b))?.median;
  if (paired !== undefined) return paired;
  const dividend = spreadOf(samples?.[a])?.median;
  const divisor = spreadOf(samples?.[b])?.median;
  return dividend === undefined || !divisor ? undefined : dividend / divisor;
}

/** Adds to `quiet` what was measured under disturbance, where a peer has nothing better. Tells how often it had not. */
export function fillGaps(quiet: AllSamples, disturbed: AllSamples): number {
  let filled = 0;
  for (const [figure, peers] of Object.entries(disturbed)) {
    for (const [peer, values] of Object.entries(peers)) {
      if (quiet[figure]?.[peer] !== undefined) continue;
      filled++;
      values.forEach((value, round) => {
        if (value !== undefined) addSample(quiet, figure, peer, round, value);
      });
    }
  }
  return filled;
}
