/**
 * What a terminal would act upon: control characters of both sets, and those that turn the direction of writing or break
 * lines. Names of networks and what stands in logs come from outside.
 */
const ACTIVE = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `text` as it may stand on a terminal: on one line, with everything that acts shown as `\x1b` or `\u202e`. */
export function escapeForTerminal(text: string): string {
  return text.replace(ACTIVE, (character) => {
    const code = character.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** The same for a text of several lines, whose line feeds are ours. */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeForTerminal).join('\n');
}
