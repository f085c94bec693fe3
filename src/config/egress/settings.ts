import { DEFAULT_EGRESS, type EgressSettings, MAX_GATEWAYS } from '../../model/egress-settings.ts';
import { networkList } from '../mesh/networks.ts';
import { wholeMapping } from '../reader/mapping.ts';
import { truth } from '../reader/scalars.ts';
import { type Key, optional, type Reads, withDefault } from '../reader/schema.ts';
import { value } from '../reader/value.ts';
import { wholeNumber } from '../reader/whole-number.ts';
import { caFile } from './ca-file.ts';
import { nameServers } from './name-server.ts';
import { ranges } from './range.ts';

/** The keys of `:tproxy_egress:`. */
export const EGRESS_KEYS = {
  servicePort: withDefault(
    'service_port',
    value(wholeNumber('TCP port', 1, 65_535)),
    DEFAULT_EGRESS.servicePort,
    { meaning: 'the port of the explicit proxy, at 169.254.16.9' },
  ),
  networks: withDefault('networks', value(networkList), DEFAULT_EGRESS.networks, {
    meaning: 'the virtual networks that have a way out; missing or empty: every one',
    accepts: 'name, id, or list of both',
  }),
  capture: withDefault('capture', value(truth), DEFAULT_EGRESS.capture, {
    meaning: 'whether the gateway also takes what guests send to any other address',
  }),
  nameservers: optional('nameservers', value(nameServers), {
    meaning: "who resolves names for the gateway; missing or empty: those of the hypervisor's resolv.conf",
    accepts: 'list of addresses',
  }),
  reach: withDefault('reach', value(ranges), DEFAULT_EGRESS.reach, {
    meaning: 'ranges outside of the public internet that a name may lead to',
    accepts: 'list of ranges',
  }),
  denyStatus: withDefault(
    'deny_status',
    value(wholeNumber('status of an error', 400, 599)),
    DEFAULT_EGRESS.denyStatus,
    { meaning: 'the status of the answer to an HTTP request that is denied' },
  ),
  upstreamCa: optional('upstream_ca', value(caFile), {
    meaning: "certificates that are trusted beside the system's roots",
    accepts: 'path of a file',
  }),
  workers: withDefault(
    'workers',
    value(wholeNumber('number of processes', 1, MAX_GATEWAYS)),
    DEFAULT_EGRESS.workers,
    { meaning: 'gateway processes' },
  ),
} as const satisfies Readonly<Record<keyof EgressSettings, Key<unknown>>>;

/** The value of `:tproxy_egress:`. With any fault in it there is none: whoever misspells `:networks:` does not mean every network. */
export const egressSettings: Reads<EgressSettings> = wholeMapping(
  EGRESS_KEYS,
  {
    noun: 'mapping',
    remedy: `write ${Object.values(EGRESS_KEYS)
      .map(({ key }) => `:${key}:`)
      .join(', ')} below it; none of them is needed`,
  },
  ({ fields: { nameservers = [], ...settings } }) => ({
    ...settings,
    ...(nameservers.length === 0 ? {} : { nameservers }),
  }),
);
