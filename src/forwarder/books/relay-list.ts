import { readRecords } from '../../dataplane/connection-records.ts';
import { formatIpv4 } from '../../model/ipv4.ts';
import { type RelayList, STATS_VERSION } from '../../model/stats.ts';

/** The data plane's list of its relays, in words. */
export function relayList(list: Float64Array, nameOf: (bridgeId: number) => string | undefined): RelayList {
  const relays = readRecords(list).map((record) => ({
    bridge: nameOf(record.bridgeId) ?? '',
    servicePort: record.servicePort,
    guest: `${formatIpv4(record.guestIp)}:${record.guestPort}`,
    upstream: `${formatIpv4(record.upstreamIp)}:${record.upstreamPort}`,
    bytesToUpstream: record.bytesToUpstream,
    bytesToGuest: record.bytesToGuest,
    ageMs: Math.round(record.durationMs),
  }));
  return { stats: STATS_VERSION, pid: process.pid, relays };
}
