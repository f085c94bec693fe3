import type { Health, ServiceStats } from '../../src/model/stats.ts';

/** A forwarder that does well. */
export const HEALTH: Health = {
  version: '1.2.3',
  pid: 7,
  startedAt: 1_800_000_000,
  revived: false,
  descriptors: { open: 40, limit: 1024 },
  memory: 60_000_000,
  lagMs: 0,
  failedNics: 0,
  answerMs: 0,
};

/** A service that nobody has used, but for what is given. */
export function serviceStats(given: Partial<ServiceStats>): ServiceStats {
  return {
    servicePort: 5030,
    upstream: '10.11.12.13:5030',
    state: 'listening',
    connections: 0,
    relays: 0,
    bytesToUpstream: 0,
    bytesToGuest: 0,
    outcomes: {},
    connect: { counts: [], sumMs: 0 },
    ...given,
  };
}
