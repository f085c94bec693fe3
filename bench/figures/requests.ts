import type { Measurement } from './figure.ts';
import { wrk } from './wrk.ts';

/** Keep-alive requests of a few bytes, one after the other on every connection. */
export const requestMeasurements: readonly Measurement[] = [1, 32, 256].map((connections): Measurement => {
  const column = `${connections} ${connections === 1 ? 'connection' : 'connections'}`;
  const key = (what: string) => `requests.${what}.${connections}`;
  return {
    name: `requests, ${column}`,
    group: 'requests',
    on: 'warm',
    figures: [
      { key: key('rate'), table: 'Keep-alive requests, thousands/s', column, better: 'more', digits: 1 },
      { key: key('p50'), table: 'Latency p50 under that load, µs', column, better: 'less', digits: 0 },
      {
        key: key('p99'),
        table: 'Latency p99 under that load, µs',
        column,
        better: 'less',
        digits: 0,
        tolerance: 0.25,
      },
      { key: key('cpu'), table: 'CPU milliseconds per 1 000 requests', column, better: 'less', digits: 2 },
    ],
    measure: async (subject, context, seconds) => {
      const report = await wrk(subject, context, { connections, seconds });
      return {
        [key('rate')]: report.perSecond / 1000,
        [key('p50')]: report.p50Us,
        [key('p99')]: report.p99Us,
        ...(subject.peer.proxies ? { [key('cpu')]: (1e6 * report.cpuSeconds) / report.requests } : {}),
      };
    },
  };
});
