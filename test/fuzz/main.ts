import { parseArgs } from 'node:util';
import { runTarget } from './run-target.ts';
import { TARGETS } from './targets.ts';

/** `npm run fuzz -- [--count N] [--seed N] [--only NAME]`: a line per parser; exit status 1 with the input that broke one. */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
  },
});
console.log(`seed ${values.seed}`);
for (const target of TARGETS.filter(({ name }) => values.only === undefined || values.only === name)) {
  const began = performance.now();
  const { inputs, taken, refused, slowestMs } = runTarget(target, Number(values.count), Number(values.seed));
  const tookS = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `${target.name}: ${inputs} inputs, ${taken} taken, ${refused} refused, ${tookS} s, slowest ${slowestMs} ms`,
  );
}
