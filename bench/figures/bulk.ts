import { attempt } from '../host/run.ts';
import { IPERF_PORT } from '../topology/ports.ts';
import type { Context, Measurement, Subject } from './figure.ts';

/** iperf3 through the peer, each way, one and several streams. */
export const bulkMeasurements: readonly Measurement[] = (['up', 'down'] as const).flatMap((direction) =>
  [1, 8].map((streams) => bulk(direction, streams)),
);

function bulk(direction: 'up' | 'down', streams: number): Measurement {
  const column = `${direction}, ${streams} ${streams === 1 ? 'stream' : 'streams'}`;
  const rate = `bulk.${direction}.${streams}`;
  const cpu = `cpu.bulk.${direction}.${streams}`;
  return {
    name: `bulk ${column}`,
    group: 'bulk',
    on: 'warm',
    figures: [
      { key: rate, table: 'Bulk, Gbit/s', column, better: 'more', digits: 1 },
      { key: cpu, table: 'CPU seconds per GB', column, better: 'less', digits: 3 },
    ],
    measure: async (subject, context, seconds) => {
      const before = subject.hypervisor.cpuSeconds();
      const { bitsPerSecond, bytes } = await iperf(subject, context, direction, streams, seconds);
      const used = subject.hypervisor.cpuSeconds() - before;
      return {
        [rate]: bitsPerSecond / 1e9,
        ...(subject.peer.proxies ? { [cpu]: used / (bytes / 1e9) } : {}),
      };
    },
  };
}

const MAX_TRIALS = 3;

interface Transfer {
  readonly bitsPerSecond: number;
  readonly bytes: number;
}

async function iperf(
  { target, asGuest, peer }: Subject,
  { upstream }: Context,
  direction: 'up' | 'down',
  streams: number,
  seconds: number,
): Promise<Transfer> {
  const argv = [...asGuest, 'iperf3', '-c', target, '-p', String(IPERF_PORT), '-J', '-t', String(seconds)];
  argv.push('-P', String(streams), ...(direction === 'down' ? ['-R'] : []));
  const failures: string[] = [];
  for (let trial = 0; trial < MAX_TRIALS; trial++) {
    const { stdout, stderr } = await attempt(argv, { timeoutMs: (seconds + 10) * 1000 });
    const result = parse(stdout);
    if (typeof result !== 'string') return result;
    failures.push(result || stderr.trim());
    // A test that was cut off leaves the server busy.
    await upstream.restartIperf();
  }
  throw new Error(`${peer.label}: iperf3 ${direction} failed: ${failures.join('; ')}`);
}

/** What was received; or why there is nothing. */
function parse(json: string): Transfer | string {
  let report: { error?: string; end?: { sum_received?: { bits_per_second?: number; bytes?: number } } };
  try {
    report = JSON.parse(json) as typeof report;
  } catch {
    return json.trim().slice(0, 200);
  }
  const received = report.end?.sum_received;
  if (report.error !== undefined) return report.error;
  if (received?.bits_per_second === undefined || !received.bytes) return 'not a byte arrived';
  return { bitsPerSecond: received.bits_per_second, bytes: received.bytes };
}
