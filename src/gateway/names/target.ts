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
const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#\\]*)(.*)$/s;
/** Blanks and control characters would end the request line. */
const QUERY = /^[\x21\x22\x24-\x7e\x80-\xff]*$/;

/** Target of a request in origin form: `/path?query`. */
export function canonicalResource(wire: string): Resource | Refusal {
  if (!wire.startsWith('/')) return refuse('form');
  return resource(wire);
}

/** Target of a request to a proxy in absolute form: `http://host:port/path?query`. */
export function canonicalTarget(wire: string): Target | Refusal {
  const parts = ABSOLUTE.exec(wire);
  if (parts === null) return refuse('form');
  const [, written = '', authorityPart = '', rest = ''] = parts;
  const scheme = written.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return refuse('scheme');
  const authority = canonicalAuthority(authorityPart, scheme);
  if (isRefusal(authority)) return authority;
  const found = resource(rest);
  return isRefusal(found) ? found : { scheme, authority, ...found };
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
