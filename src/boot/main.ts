import { join } from 'node:path';
import { RUN_DIRECTORY } from '../process/paths.ts';
import { runBundle } from './run-bundle.ts';

/** Commands that change the host anyway. */
const CHANGING = new Set(['up', 'down', 'start', 'restart', 'reload', 'apply', 'sync']);

const verb = process.argv[2];
runBundle({
  file: join(__dirname, 'entry.cjs'),
  require,
  directory: join(RUN_DIRECTORY, '.code'),
  verb: verb !== undefined && CHANGING.has(verb) ? verb : undefined,
});
