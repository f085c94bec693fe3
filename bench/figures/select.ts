import type { Options } from '../options.ts';
import { bulkMeasurements } from './bulk.ts';
import { connectionMeasurement } from './connections.ts';
import type { Measurement } from './figure.ts';
import { memoryMeasurement } from './memory.ts';
import { requestMeasurements } from './requests.ts';

/** In the order of a round: memory last, because it restarts the peers. */
export function selectMeasurements(options: Options): Measurement[] {
  const all = [
    ...bulkMeasurements,
    ...requestMeasurements,
    connectionMeasurement,
    memoryMeasurement(options.relays),
  ];
  return all.filter(({ group }) => options.figures.includes(group));
}
