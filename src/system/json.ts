import { TproxyError } from '../errors.ts';

/**
 * Strict reading of what `ip -j` and `nft -j` print. An answer that can't be understood is an error, never "nothing
 * there": treating it as empty would take running things away.
 */
export class UnreadableAnswerError extends TproxyError {
  readonly wrong: string;

  constructor(source: string, wrong: string, details: { cause?: unknown; remedy?: string } = {}) {
    const { cause, remedy = `run it by hand and read its output: ${source}` } = details;
    const what = `${source}: can't understand its answer: ${wrong} (nothing was changed)`;
    super(what, { code: 'UNREADABLE', cause, remedy });
    this.wrong = wrong;
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** `source` is the command, for the message. */
export function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UnreadableAnswerError(source, `no JSON: ${excerpt(text)}`, { cause: error });
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown, source: string, what: string): JsonObject {
  if (isObject(value)) return value;
  throw new UnreadableAnswerError(source, `${what} is ${excerpt(value)}, not an object`);
}

export function asArray(value: unknown, source: string, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new UnreadableAnswerError(source, `${what} is ${excerpt(value)}, not a list`);
}

export function asString(value: unknown, source: string, what: string): string {
  if (typeof value === 'string') return value;
  throw new UnreadableAnswerError(source, `${what} is ${excerpt(value)}, not a text`);
}

export function asInteger(value: unknown, source: string, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new UnreadableAnswerError(source, `${what} is ${excerpt(value)}, not a whole number`);
}

/** The start of a value for a message. */
export function excerpt(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'missing');
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
