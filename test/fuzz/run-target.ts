import { readFileSync } from 'node:fs';
import { seeded } from '../unit/config/random.ts';
import { mutated, noise } from './mutate.ts';
import type { Target } from './target.ts';

export interface Tally {
  readonly inputs: number;
  readonly taken: number;
  readonly refused: number;
  readonly slowestMs: number;
}

/** Nothing that a parser gets here takes a millisecond; on a machine under load anything may take long once. */
const HANG_MS = 10_000;

/** Inputs that once broke something, or come near to it: a JSON string on each line of `seeds/<name>.txt`. */
export function savedSeeds(name: string): readonly string[] {
  const text = readFileSync(new URL(`seeds/${name}.txt`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as string);
}

/** Saved seeds first, then `count` random inputs, the same for the same `seed`. Throws with the input that broke something. */
export function runTarget(target: Target, count: number, seed: number): Tally {
  const random = seeded(seed);
  let [inputs, taken, slowestMs] = [0, 0, 0];
  const samples = [...target.samples, ...savedSeeds(target.name)] as unknown as readonly [
    string,
    ...string[],
  ];
  for (const input of samples) feed(input);
  for (let i = 0; i < count; i += 1) {
    const sample = random.pick(samples);
    feed(
      random.below(20) === 0
        ? noise(target.words, random)
        : mutated(sample, random.pick(samples), target.words, random),
    );
  }
  return { inputs, taken, refused: inputs - taken, slowestMs: Math.round(slowestMs) };

  function feed(input: string): void {
    inputs += 1;
    const before = performance.now();
    try {
      if (target.judge(input)) taken += 1;
    } catch (error) {
      throw new Error(`${target.name}: broken by ${JSON.stringify(input)}`, { cause: error });
    }
    const tookMs = performance.now() - before;
    if (tookMs > HANG_MS)
      throw new Error(`${target.name}: ${Math.round(tookMs)} ms for ${JSON.stringify(input)}`);
    slowestMs = Math.max(slowestMs, tookMs);
  }
}
