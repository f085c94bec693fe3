import { type Authority, canonicalAuthority, type Scheme, serialiseAuthority } from './authority.ts';
import { canonicalPath, type Path } from './path.ts';
import { isRefusal, type Refusal, refuse } from './refusal.ts';

/** The resource of a request, as it is judged and as it is sent. */
export interface Resource {
  readonly path: Path;
  /** What stands behind `?`, byte for byte; undefined without `?`. */
  readonly query: string | undefined;
}

export interface Target extends Resource {
  readonly scheme: Scheme;
  readonly authority: Authority;
}

const MAX_QUERY_LENGTH = 16_384;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
/** Blanks and control characters would end the request line. */
const QUERY = /^[\x21\x22\x24-\x7e\x80-\xff]*$/;

/** Target of a request in origin form: `/path?query`. */
export function canonicalResource(wire: string): Resource | Refusal {
  if (!wire.startsWith('/')) return refuse('form');
  return resource(wire);
}

/** Target of a request to a proxy in absolute form: `http://host:port/path?query`. */
export function canonicalTarget(wire: string): Target | Refusal {
  const colon = wire.indexOf('://');
  if (colon < 1 || !SCHEME.test(wire.slice(0, colon))) return refuse('form');
  const scheme = wire.slice(0, colon).toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return refuse('scheme');
  const begin = colon + 3;
  const end = authorityEnd(wire, begin);
  if (wire.charAt(end) === '\\') return refuse('form');
  const authority = canonicalAuthority(wire.slice(begin, end), scheme);
  if (isRefusal(authority)) return authority;
  const found = resource(wire.slice(end));
  return isRefusal(found) ? found : { scheme, authority, path: found.path, query: found.query };
}

export function serialiseResource({ path, query }: Resource): string {
  return query === undefined ? path.text : `${path.text}?${query}`;
}

export function serialiseTarget(target: Target): string {
  const { scheme, authority } = target;
  return `${scheme}://${serialiseAuthority(authority, scheme)}${serialiseResource(target)}`;
}

function resource(wire: string): Resource | Refusal {
  if (wire.includes('#')) return refuse('fragment');
  const mark = wire.indexOf('?');
  const path = canonicalPath(mark === -1 ? wire : wire.slice(0, mark));
  if (isRefusal(path)) return path;
  const query = mark === -1 ? undefined : wire.slice(mark + 1);
  if (query === undefined) return { path, query };
  if (query.length > MAX_QUERY_LENGTH) return refuse('too-long');
  return QUERY.test(query) ? { path, query } : refuse('byte');
}

/** The authority ends at the first of these, for every URL parser. */
function authorityEnd(wire: string, begin: number): number {
  for (let at = begin; at < wire.length; at += 1) {
    const sign = wire.charAt(at);
    if (sign === '/' || sign === '?' || sign === '#' || sign === '\\') return at;
  }
  return wire.length;
}
