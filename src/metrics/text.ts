import { type Metric, Registry } from 'prom-client';
import type { Family } from './family.ts';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/**
 * Prometheus text. prom-client's own counters and histograms would be a second set of books beside the forwarder's, so
 * that each family is given to its registry as a metric that is collected already.
 */
export function metricsText(families: readonly Family[]): Promise<string> {
  const registry = new Registry();
  for (const family of families) {
    if (family.samples.length > 0) registry.registerMetric(collected(family) as unknown as Metric);
  }
  return registry.metrics();
}

/** What a registry asks of a metric. */
function collected({ name, help, type, samples }: Family) {
  const values = samples.map(({ labels, value, suffix = '' }) => ({
    metricName: `${name}${suffix}`,
    labels,
    value,
  }));
  return { name, get: async () => ({ name, help, type, values, aggregator: 'sum' }) };
}
