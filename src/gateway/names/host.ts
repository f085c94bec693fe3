import { isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';
import { type Address, formatAddress } from '../../model/address.ts';
import { embeddedIpv4 } from '../../model/embedded-ipv4.ts';
import { parseIpv4 } from '../../model/ipv4.ts';
import { formatIpv6, parseIpv6 } from '../../model/ipv6.ts';
import { type Refusal, refuse } from './refusal.ts';
import { textOf } from './wire.ts';

/** A host in its canonical form. `text` is unique for it: lower-case A-labels without the last dot, or an address without brackets. */
export type Host =
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'address'; readonly text: string; readonly address: Address };

const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;
/** Longest text that is looked at: a name of 253 characters, written in percent-free UTF-8, has fewer bytes. */
const MAX_WIRE_LENGTH = 1024;
/** Most names, in one look: lower case, no A-label, no dot at the ends or beside another, a letter first in the last label. */
const PLAIN = /^(?:[a-z0-9_-]{1,63}\.)*[a-z][a-z0-9_-]{0,62}$/;
const ASCII_NAME = /^[A-Za-z0-9_.-]*$/;
/** URL parsers and inet_aton take a host with such a last label for IPv4: `1`, `127.1`, `0x7f000001`, `a.0x`. */
const NUMERIC_END = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/** Host of a URL, a Host header or CONNECT, without port: IPv6 in brackets. */
export function canonicalHost(wire: string): Host | Refusal {
  if (wire.length <= MAX_NAME_LENGTH && PLAIN.test(wire) && !wire.includes('xn--'))
    return { kind: 'name', text: wire };
  if (wire === '') return refuse('empty');
  if (wire.length > MAX_WIRE_LENGTH) return refuse('too-long');
  if (wire.includes('@')) return refuse('userinfo');
  if (wire.startsWith('[')) return wire.endsWith(']') ? ipv6Host(wire.slice(1, -1)) : refuse('ipv6');
  if (isIPv4(wire)) return { kind: 'address', text: wire, address: { family: 4, ip: parseIpv4(wire) } };
  return nameHost(wire);
}

/** A server name of TLS (RFC 6066): a name and never an address. */
export function canonicalServerName(wire: string): Host | Refusal {
  const host = canonicalHost(wire);
  return 'kind' in host && host.kind === 'address' ? refuse('address') : host;
}

/** Where no name is to be had: the address that a guest dialled. */
export function hostOfAddress(address: Address): Host {
  return { kind: 'address', text: formatAddress(address), address };
}

function ipv6Host(inside: string): Host | Refusal {
  const bytes = parseIpv6(inside);
  if (bytes === undefined) return refuse('ipv6');
  // One address in two spellings, of which rules know only one: whoever means IPv4 writes IPv4.
  if (embeddedIpv4(bytes) !== undefined) return refuse('embedded-ipv4');
  return { kind: 'address', text: formatIpv6(bytes), address: { family: 6, bytes } };
}

function nameHost(wire: string): Host | Refusal {
  const written = textOf(wire);
  if (written === undefined) return refuse('utf8');
  // domainToASCII parses a URL: what has a meaning there (:, /, %, blanks) must not get that far.
  if (!/^[A-Za-z0-9_.\u0080-\u{10ffff}-]*$/u.test(written)) return refuse('byte');
  const ascii = asciiName(written);
  if (ascii === undefined) return refuse('idna');
  const text = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  if (text === '') return refuse('empty');
  if (NUMERIC_END.test(text)) return refuse('ipv4-spelling');
  return wellFormed(text) ?? { kind: 'name', text };
}

/** A-labels in lower case; undefined when IDNA knows no such name. */
function asciiName(written: string): string | undefined {
  if (ASCII_NAME.test(written) && !/(?:^|\.)xn--/i.test(written)) return written.toLowerCase();
  const ascii = domainToASCII(written);
  return ascii !== '' && ASCII_NAME.test(ascii) ? ascii : undefined;
}

function wellFormed(text: string): Refusal | undefined {
  if (text.length > MAX_NAME_LENGTH) return refuse('too-long');
  for (const label of text.split('.')) {
    if (label === '') return refuse('empty-label');
    if (label.length > MAX_LABEL_LENGTH) return refuse('long-label');
  }
  return undefined;
}
