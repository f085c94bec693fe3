import { isMap } from 'yaml';
import { strictObject } from 'zod/mini';
import type { Service } from '../model/service.ts';
import { upstreamAddress } from './address.ts';
import { collectFields } from './collect-fields.ts';
import { problemsOf } from './faults.ts';
import { limitsMapping, parseLimits, SERVICE_LIMITS } from './limits.ts';
import { networkList } from './networks.ts';
import type { Position, Problem } from './problem.ts';
import { proxyProtocol } from './proxy-protocol.ts';
import { judged } from './verdict.ts';
import { wholeNumber } from './whole-number.ts';
import { describe } from './written.ts';
import type { YamlSource } from './yaml-source.ts';

const port = wholeNumber('TCP port', 1, 65_535);

/** Keys of an entry, and who judges their values. */
export const ENTRY_JUDGES = {
  service_port: port,
  remote_addr: upstreamAddress,
  remote_port: port,
  networks: networkList,
  proxy_protocol: proxyProtocol,
  limits: limitsMapping(SERVICE_LIMITS),
} as const;

const ENTRY = strictObject({
  service_port: judged(ENTRY_JUDGES.service_port),
  remote_addr: judged(ENTRY_JUDGES.remote_addr),
  remote_port: judged(ENTRY_JUDGES.remote_port),
  networks: judged(ENTRY_JUDGES.networks),
  proxy_protocol: judged(ENTRY_JUDGES.proxy_protocol),
  limits: judged(ENTRY_JUDGES.limits),
} satisfies Record<keyof typeof ENTRY_JUDGES, unknown>);
const KNOWN = Object.keys(ENTRY.shape);

/** A faultless entry with its number in the list, from 1, and the place of its service port. */
export interface Entry {
  readonly number: number;
  readonly service: Service;
  readonly portAt: Position;
}

export type ParsedEntry = { readonly entry: Entry } | { readonly problems: readonly Problem[] };

/** One item of `:tproxy:`. A single fault makes all of it unusable, so every fault is told. */
export function parseEntry(item: unknown, number: number, source: YamlSource): ParsedEntry {
  const whole = source.position(item);
  const node = source.resolve(item);
  if (!isMap(node)) {
    const message = `entry ${number} of :tproxy: ${describe(source.plain(node))}`;
    const remedy = 'write :service_port:, :remote_addr: and :remote_port: below each other';
    return { problems: [{ severity: 'error', ...whole, key: 'tproxy', message, remedy }] };
  }
  const owner = ` of entry ${number}`;
  const { values, fields, duplicates } = collectFields(source.fields(node), source, owner);
  const own = parseLimits(fields.get('limits')?.value, SERVICE_LIMITS, source, ` of :limits:${owner}`);
  const problems = [...duplicates, ...own.problems];
  const result = ENTRY.safeParse(values);
  if (!result.success) {
    const faults = problemsOf(result.error.issues, { fields, whole, owner, known: KNOWN });
    return { problems: [...problems, ...faults] };
  }
  if (problems.length > 0) return { problems };

  const {
    service_port: servicePort,
    remote_addr: remoteAddr,
    remote_port: remotePort,
    networks,
    proxy_protocol: proxy,
  } = result.data;
  const options = { ...own.limits, ...(proxy === undefined ? {} : { proxyProtocol: proxy }) };
  const service = {
    servicePort,
    remoteAddr,
    remotePort,
    networks,
    ...(Object.keys(options).length === 0 ? {} : { options }),
    line: whole.line,
  };
  return { entry: { number, service, portAt: fields.get('service_port')?.at ?? whole } };
}
