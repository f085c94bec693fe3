import { formatRange, inRange, parseRange, type Range } from '../../model/address.ts';
import { embeddedIpv4 } from '../../model/embedded-ipv4.ts';
import { canonicalHost, type Host } from '../names/host.ts';
import { explainRefusal, isRefusal } from '../names/refusal.ts';
import { wireOf } from '../names/wire.ts';

/** `host` of a rule. */
export type HostPattern =
  | { readonly kind: 'name'; readonly name: string }
  /** Any depth below `parent`, and not `parent`. */
  | { readonly kind: 'below'; readonly parent: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'range'; readonly range: Range };

/** Why something can't be a pattern, as half a sentence. */
export interface PatternFault {
  readonly fault: string;
}

/** `name`, `*.name`, `*`, an address, or a CIDR, in any spelling whose meaning is certain. */
export function parseHostPattern(text: string): HostPattern | PatternFault {
  if (text === '*') return { kind: 'any' };
  const range = parseRange(text.replace(/^\[(.*)\]$/, '$1'));
  if (range !== undefined) return rangePattern(range);
  if (text.includes('/')) return { fault: 'is no address range with zeros after its prefix' };
  const parent = text.startsWith('*.') ? text.slice(2) : undefined;
  if ((parent ?? text).includes('*')) return { fault: 'has a * that is not its whole first label' };
  const host = canonicalHost(wireOf(parent ?? text));
  if (isRefusal(host)) return { fault: `is no host name: ${explainRefusal(host)}` };
  if (host.kind === 'address') return { fault: 'has a * before an address' };
  return parent === undefined ? { kind: 'name', name: host.text } : { kind: 'below', parent: host.text };
}

export function formatHostPattern(pattern: HostPattern): string {
  if (pattern.kind === 'any') return '*';
  if (pattern.kind === 'name') return pattern.name;
  if (pattern.kind === 'below') return `*.${pattern.parent}`;
  return formatRange(pattern.range);
}

/**
 * `*` stands for every name. Addresses are allowed by a rule with an address or a range alone; a prohibition of `*` is one of addresses
 * too.
 */
export function matchesHost(pattern: HostPattern, host: Host, deny: boolean): boolean {
  if (pattern.kind === 'any') return host.kind === 'name' || deny;
  if (host.kind === 'address') return pattern.kind === 'range' && inRange(host.address, pattern.range);
  if (pattern.kind === 'name') return host.text === pattern.name;
  return pattern.kind === 'below' && host.text.endsWith(`.${pattern.parent}`);
}

function rangePattern(range: Range): HostPattern | PatternFault {
  const { base, length } = range;
  if (base.family === 6 && length === 128 && embeddedIpv4(base.bytes) !== undefined)
    return { fault: 'is an IPv4 address in IPv6, which no request is taken for; write the IPv4 address' };
  return { kind: 'range', range };
}
