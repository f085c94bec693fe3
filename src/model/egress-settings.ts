/** `:tproxy_egress:`: the filtered way out of networks that have one. */
export interface EgressSettings {
  /** Port of the explicit proxy at the service address. */
  readonly servicePort: number;
  /** Names or ids of networks; empty: every network. */
  readonly networks: readonly string[];
  /** Also takes what guests send to any other address. */
  readonly capture: boolean;
  /** Addresses of those who resolve names for the gateway; undefined: those of the hypervisor's resolv.conf. */
  readonly nameservers?: readonly string[];
  /** Ranges outside of the public internet that a name may lead to (`parseRange`). */
  readonly reach: readonly string[];
  /** What a denied HTTP request gets. */
  readonly denyStatus: number;
  /** File with certificates that are trusted beside the system's roots. */
  readonly upstreamCa?: string;
  /** Gateway processes. */
  readonly workers: number;
}

export const DEFAULT_EGRESS: EgressSettings = {
  servicePort: 3128,
  networks: [],
  capture: false,
  reach: [],
  denyStatus: 403,
  workers: 1,
};

export const MAX_GATEWAYS = 64;
