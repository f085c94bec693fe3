import { canonicalHost, type Host } from './host.ts';
import { isRefusal, type Refusal, refuse } from './refusal.ts';

export type Scheme = 'http' | 'https';

export const DEFAULT_PORTS = { http: 80, https: 443 } as const satisfies Record<Scheme, number>;

/** Host and port, both in the one form that rules are asked about and that is sent. */
export interface Authority {
  readonly host: Host;
  readonly port: number;
}

const PORT = /^[1-9]\d{0,4}$/;

/** `host` or `host:port`, of a URL or a Host header. Where no port is written it is that of the scheme. */
export function canonicalAuthority(wire: string, scheme: Scheme): Authority | Refusal {
  return authority(wire, DEFAULT_PORTS[scheme]);
}

/** Target of CONNECT: the port is written. */
export function canonicalConnectTarget(wire: string): Authority | Refusal {
  return authority(wire, undefined);
}

/** The authority of a URL or a Host header: without the port that the scheme has anyway. */
export function serialiseAuthority({ host, port }: Authority, scheme: Scheme): string {
  return port === DEFAULT_PORTS[scheme] ? hostText(host) : `${hostText(host)}:${port}`;
}

export function serialiseConnectTarget({ host, port }: Authority): string {
  return `${hostText(host)}:${port}`;
}

export function sameAuthority(one: Authority, other: Authority): boolean {
  return one.port === other.port && one.host.text === other.host.text;
}

/** A host as it stands in an authority. */
export function hostText(host: Host): string {
  return host.kind === 'address' && host.address.family === 6 ? `[${host.text}]` : host.text;
}

function authority(wire: string, defaultPort: number | undefined): Authority | Refusal {
  if (wire.includes('@')) return refuse('userinfo');
  // IPv6 has colons of its own, which end with the bracket.
  const colon = wire.indexOf(':', wire.startsWith('[') ? wire.lastIndexOf(']') + 1 : 0);
  const port = colon === -1 ? defaultPort : readPort(wire.slice(colon + 1));
  const host = canonicalHost(colon === -1 ? wire : wire.slice(0, colon));
  if (isRefusal(host)) return host;
  if (port === undefined) return refuse(colon === -1 ? 'no-port' : 'port');
  return { host, port };
}

/** Digits without sign, leading zeros and blanks: each port has one spelling. */
function readPort(text: string): number | undefined {
  const port = PORT.test(text) ? Number(text) : 0;
  return port > 0 && port <= 65_535 ? port : undefined;
}
