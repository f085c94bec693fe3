import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Environment {
  /** The checkout. */
  readonly root: string;
  /** Removed when the run is over. */
  readonly scratch: string;
  /** Directory of the bundled programs. */
  readonly js: string;
  /** Descriptors that a process may have. */
  readonly descriptors: number;
}

/** What run.sh hands over. */
export function readEnvironment(): Environment {
  const { BENCH_ROOT: root, BENCH_SCRATCH: scratch, BENCH_DESCRIPTORS: descriptors } = process.env;
  if (root === undefined || scratch === undefined) throw new Error('start it with bench/run.sh');
  return { root, scratch, js: dirname(fileURLToPath(import.meta.url)), descriptors: Number(descriptors) };
}

/** Progress and warnings; results go to stdout. */
export function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

/** Runs a benchmark, prints a failure in one line (the stack with DEBUG set) and exits: servers keep the loop alive. */
export async function runBenchmark(benchmark: () => Promise<number>): Promise<never> {
  let status = 1;
  try {
    status = await benchmark();
  } catch (error) {
    if (process.env.DEBUG) console.error(error);
    say(`ERROR: ${error instanceof Error ? error.message : String(error)}`);
  }
  process.exit(status);
}
