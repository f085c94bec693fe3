/** What a guest shows in `Proxy-Authorization`. */
export type Shown =
  | { readonly kind: 'nothing' }
  /** Something that is no token in any scheme that we know. */
  | { readonly kind: 'unreadable' }
  /** `name` is undefined for Bearer. */
  | { readonly kind: 'token'; readonly name: string | undefined; readonly token: string };

const MAX_LENGTH = 1024;
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const UNREADABLE: Shown = { kind: 'unreadable' };

/** `Basic NAME:TOKEN` or `Bearer TOKEN`. More than one header is unreadable: which one would count? */
export function readCredentials(headers: readonly string[]): Shown {
  const [value, ...more] = headers;
  if (value === undefined) return { kind: 'nothing' };
  if (more.length > 0 || value.length > MAX_LENGTH) return UNREADABLE;
  const [, scheme = '', text = ''] = /^([A-Za-z]+) +([^ ]+) *$/.exec(value) ?? [];
  if (scheme.toLowerCase() === 'bearer' && TOKEN68.test(text))
    return { kind: 'token', name: undefined, token: text };
  if (scheme.toLowerCase() !== 'basic' || !BASE64.test(text)) return UNREADABLE;
  const pair = Buffer.from(text, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon === -1
    ? UNREADABLE
    : { kind: 'token', name: pair.slice(0, colon), token: pair.slice(colon + 1) };
}
