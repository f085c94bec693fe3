import { type Refusal, refuse } from './refusal.ts';

/** Layers of encoding that are looked through. Each costs a walk over the path. */
const MAX_LAYERS = 4;
const CONTROL = /[\0-\x1f\x7f]/;
const HIGH_BYTE = '\u{e000}';
const ENCODED = /%[0-9A-Fa-f]{2}/;

/**
 * What the most lenient upstream may read in a canonical path: decoded to the end, `\` as `/`, without parameters (`;x`), without
 * dots and blanks at the ends of segments (Windows), slashes merged. Refused when that shows a dot segment or a control character, since then no
 * rule about the path means anything.
 */
export function loosest(path: string): string | Refusal {
  let text = path;
  for (let layer = 0; ENCODED.test(text); layer += 1) {
    if (layer === MAX_LAYERS) return refuse('nested-encoding');
    text = decodeOnce(text);
    if (CONTROL.test(text)) return refuse('control');
  }
  const segments: string[] = [];
  const all = text.replaceAll(HIGH_BYTE, '%').slice(1).split(/[/\\]/);
  for (const [at, segment] of all.entries()) {
    const bare = (segment.split(';', 1)[0] ?? '').trimEnd();
    if (bare === '.' || bare === '..') return refuse('hidden-dots');
    const name = bare.replace(/[. ]+$/, '');
    if (name !== '' || at === all.length - 1) segments.push(name);
  }
  return `/${segments.join('/')}`;
}

/** Bytes of UTF-8 stay encoded: they are no separators, and rules have them encoded too. The mark keeps them from being decoded. */
function decodeOnce(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code < 0x80 ? String.fromCharCode(code) : `${HIGH_BYTE}${hex.toUpperCase()}`;
  });
}
