import type { Service } from '../../model/service.ts';
import { wholeMapping } from '../reader/mapping.ts';
import type { Position } from '../reader/problem.ts';
import { optional, required, withDefault } from '../reader/schema.ts';
import { value } from '../reader/value.ts';
import { wholeNumber } from '../reader/whole-number.ts';
import { upstreamAddress } from './address.ts';
import { limitsOf, SERVICE_LIMITS } from './limits.ts';
import { networkList } from './networks.ts';
import { proxyProtocol } from './proxy-protocol.ts';

const port = value(wholeNumber('TCP port', 1, 65_535));

/** The keys of an entry of `:tproxy:`. */
export const SERVICE_KEYS = {
  servicePort: required('service_port', port, { meaning: 'the port that guests connect to' }),
  remoteAddr: required('remote_addr', value(upstreamAddress), {
    meaning: 'the address of the service, as seen from the hypervisor',
    accepts: 'IPv4 address or host name',
  }),
  remotePort: required('remote_port', port, { meaning: 'the port of the service at that address' }),
  networks: withDefault('networks', value(networkList), [], {
    meaning: 'the virtual networks that get the service; missing or empty: all',
    accepts: 'name, id, or list of both',
  }),
  proxyProtocol: optional('proxy_protocol', value(proxyProtocol), {
    meaning: 'tell the upstream the address of the guest; missing or empty: no',
    accepts: '`v2`',
  }),
  limits: optional('limits', limitsOf(SERVICE_LIMITS), {
    meaning: 'limits of this service, in place of those of `:tproxy_limits:`',
    accepts: Object.values(SERVICE_LIMITS)
      .map(({ key }) => `\`:${key}:\``)
      .join(', '),
  }),
} as const;

/** A faultless entry and the place of its service port. */
export interface Entry {
  readonly service: Service;
  readonly portAt: Position;
}

/** One entry of `:tproxy:`. A single fault makes all of it unusable. */
export const entry = wholeMapping(
  SERVICE_KEYS,
  { remedy: 'write :service_port:, :remote_addr: and :remote_port: below each other' },
  ({ fields, at, of }): Entry => {
    const { proxyProtocol: proxy, limits, ...service } = fields;
    const options = { ...limits, ...(proxy === undefined ? {} : { proxyProtocol: proxy }) };
    return {
      service: {
        ...service,
        ...(Object.keys(options).length === 0 ? {} : { options }),
        line: at.line,
      },
      portAt: of('servicePort'),
    };
  },
);
