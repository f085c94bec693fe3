/** Whom a connection is between. Addresses are IPv4 as numbers. */
export interface Parties {
  readonly servicePort: number;
  readonly guestIp: number;
  readonly guestPort: number;
  readonly upstreamIp: number;
  readonly upstreamPort: number;
}
