import { isIPv4, isIPv6 } from 'node:net';

/** Where metrics are served: a TCP address of the host or a unix socket. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** `sun_path` has 108 bytes with its end; a suffix of the process id is needed while the socket is made. */
const MAX_PATH_BYTES = 96;
const TCP = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]*)):(?<port>[1-9]\d{0,4})$/;
const PLAIN_PATH = /^\/[^\0-\x1f\x7f]*[^/\0-\x1f\x7f]$/;

/** Reads `127.0.0.1:9516`, `[::1]:9516` or `unix:/run/one_tproxy/metrics.sock`; undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return PLAIN_PATH.test(path) && Buffer.byteLength(path) <= MAX_PATH_BYTES
      ? { kind: 'unix', path }
      : undefined;
  }
  const { v4, v6, port } = TCP.exec(text)?.groups ?? {};
  if (port === undefined || Number(port) > 65_535) return undefined;
  if (v4 !== undefined && isIPv4(v4)) return { kind: 'tcp', host: v4, port: Number(port) };
  // A zone (fe80::1%eth0) would be one of the host's own links.
  if (v6 !== undefined && isIPv6(v6) && !v6.includes('%'))
    return { kind: 'tcp', host: v6, port: Number(port) };
  return undefined;
}
