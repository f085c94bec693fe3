import type { Context, Measurement, Readings, Subject } from './figures/figure.ts';
import { DISTURBED_SHARE, leastDisturbed, openPatience } from './host/disturbance.ts';
import { type AllSamples, addSample, fillGaps } from './report/samples.ts';

/** Rounds of a `fresh` measurement: it hardly varies. */
const MAX_FRESH_ROUNDS = 3;
const WARM_UP_SECONDS = 1;

/**
 * Measures peer beside peer: in every round each measurement goes through all peers, and each round starts with another
 * one, so that a drift of the machine is spread over them evenly. What is measured goes to `samples` at once: a peer that
 * fails late takes nothing with it. `say` hears of the progress.
 */
export async function measureRounds(
  subjects: readonly Subject[],
  measurements: readonly Measurement[],
  context: Context,
  samples: AllSamples,
  say: (text: string) => void,
): Promise<void> {
  const { rounds } = context.options;
  const warm = measurements.filter((measurement) => measurement.on === 'warm');
  const fresh = measurements.filter((measurement) => measurement.on === 'fresh');

  for (const measurement of warm) {
    for (const subject of subjects) await measurement.measure(subject, context, WARM_UP_SECONDS);
  }
  const patience = openPatience(context.options.patience);
  const disturbed: AllSamples = {};
  let all = 0;
  let noisy = 0;
  const measureOne = async (measurement: Measurement, subject: Subject, round: number) => {
    const measure = () => measurement.measure(subject, context, context.options.seconds);
    // Memory does not care who else is busy.
    const { result, othersShare } =
      measurement.on === 'warm'
        ? await leastDisturbed(measure, patience)
        : { result: await measure(), othersShare: 0 };
    const isNoisy = othersShare > DISTURBED_SHARE;
    all++;
    if (isNoisy) noisy++;
    for (const [figure, value] of Object.entries(result)) {
      addSample(isNoisy ? disturbed : samples, figure, subject.peer.key, round, value);
    }
    return `${subject.peer.key} ${shown(measurement, result)}${isNoisy ? '?' : ''}`;
  };
  const pass = async (round: number, of: number, list: readonly Measurement[]) => {
    for (const measurement of list) {
      const told: string[] = [];
      for (const subject of rotated(subjects, round))
        told.push(await measureOne(measurement, subject, round));
      say(`round ${round + 1}/${of}, ${measurement.name}: ${told.join(' · ')}`);
    }
  };
  try {
    for (let round = 0; round < rounds; round++) await pass(round, rounds, warm);
    const freshRounds = fresh.length === 0 ? 0 : Math.min(rounds, MAX_FRESH_ROUNDS);
    for (let round = 0; round < freshRounds; round++) await pass(round, freshRounds, fresh);
  } finally {
    const filled = fillGaps(samples, disturbed);
    if (noisy > 0) {
      const used =
        filled === 0 ? 'left out' : `left out but for ${filled} figures of a peer that has no others`;
      context.note(
        `others used more than ${DISTURBED_SHARE * 100} % of the machine during ${noisy} of ${all} measurements (marked ?): ${used}`,
      );
    }
  }
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** The first figure of a measurement, for the line of progress. */
function shown({ figures }: Measurement, readings: Readings): string {
  const figure = figures.find(({ key }) => readings[key] !== undefined);
  return figure === undefined ? '–' : (readings[figure.key] ?? 0).toFixed(figure.digits);
}
