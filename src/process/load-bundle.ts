import { fileURLToPath } from 'node:url';

/**
 * Node's options that load the bundle at `url`, a file beside the bundle that runs. A process started so has nothing but its
 * title on its command line.
 */
export function loadBundle(url: URL, extra = ''): string {
  // Quotes and backslashes have a meaning to node there.
  const path = fileURLToPath(url).replaceAll(/["\\]/g, '\\$&');
  return `--require="${path}" ${extra}`.trim();
}
