import type { Measurement } from './figure.ts';
import { wrk } from './wrk.ts';

const AT_ONCE = 32;

/** A connection per request. */
export const connectionMeasurement: Measurement = {
  name: `new connections, ${AT_ONCE} at a time`,
  group: 'connections',
  on: 'warm',
  figures: [
    {
      key: 'connections.rate',
      table: `New connections, ${AT_ONCE} at a time`,
      column: 'thousands/s',
      better: 'more',
      digits: 2,
    },
    {
      key: 'connections.p99',
      table: `New connections, ${AT_ONCE} at a time`,
      column: 'p99 µs',
      better: 'less',
      digits: 0,
      tolerance: 0.25,
    },
    {
      key: 'connections.cpu',
      table: `New connections, ${AT_ONCE} at a time`,
      column: 'CPU s per 1 000',
      better: 'less',
      digits: 4,
    },
  ],
  measure: async (subject, context, seconds) => {
    const report = await wrk(subject, context, {
      connections: AT_ONCE,
      seconds,
      headers: ['Connection: close'],
    });
    return {
      'connections.rate': report.perSecond / 1000,
      'connections.p99': report.p99Us,
      ...(subject.peer.proxies ? { 'connections.cpu': (1000 * report.cpuSeconds) / report.requests } : {}),
    };
  },
};
