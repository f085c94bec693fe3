/**
 * All of this folder reads wire text: a string with one character for each byte, as `node:http` gives header values and
 * targets (latin1). What people write goes through `wireOf` first.
 */

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of a person (rule file, command line) as the bytes that would travel. */
export function wireOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The UTF-8 text in wire text; undefined when it is not valid: overlong forms, surrogates, halves, or no wire text at all. */
export function textOf(wire: string): string | undefined {
  for (let at = 0; at < wire.length; at += 1) if (wire.charCodeAt(at) > 255) return undefined;
  try {
    return STRICT_UTF8.decode(Buffer.from(wire, 'latin1'));
  } catch {
    return undefined;
  }
}
