import { isLimit, type Limits } from './limits.ts';

/** What a service has beside its upstream: only what is written down for it. */
export interface EndpointOptions extends Pick<Limits, 'guestConnections' | 'guestRate'> {
  /** The upstream is told who the guest is by a PROXY protocol header of this version. */
  readonly proxyProtocol?: 'v2';
}

/**
 * The options in the comment of an element of an endpoint map: words with a blank between them, `proxy=v2
 * guest-connections=50 guest-rate=10`. A comment may be somebody else's: what is no option of ours is passed over. Of an
 * option that stands twice, the first counts.
 */
export function parseOptions(comment: string | undefined): EndpointOptions {
  let options: EndpointOptions = {};
  for (const word of (comment ?? '').split(' ')) options = { ...optionOf(word), ...options };
  return options;
}

/** The comment for these options, of at most 60 bytes; undefined when there are none. */
export function formatOptions(options: EndpointOptions): string | undefined {
  const words: string[] = [];
  if (options.proxyProtocol !== undefined) words.push(`proxy=${options.proxyProtocol}`);
  if (options.guestConnections !== undefined) words.push(`guest-connections=${options.guestConnections}`);
  if (options.guestRate !== undefined) words.push(`guest-rate=${options.guestRate}`);
  return words.length === 0 ? undefined : words.join(' ');
}

/** True when both comments mean the same, whatever else they say. */
export function sameOptions(a: string | undefined, b: string | undefined): boolean {
  return a === b || formatOptions(parseOptions(a)) === formatOptions(parseOptions(b));
}

function optionOf(word: string): EndpointOptions {
  if (word === 'proxy=v2') return { proxyProtocol: 'v2' };
  const [, name, digits] = /^(guest-connections|guest-rate)=(0|[1-9]\d*)$/.exec(word) ?? [];
  const value = Number(digits);
  if (name === undefined || !isLimit(value)) return {};
  return name === 'guest-rate' ? { guestRate: value } : { guestConnections: value };
}
