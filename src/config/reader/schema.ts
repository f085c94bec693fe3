import type { Node } from 'yaml';
import type { KeyStyle } from './key-style.ts';
import type { Position, Problem } from './problem.ts';
import type { YamlSource } from './yaml-source.ts';

/**
 * A mapping is described as data: for each property of the answer the key it has in the file, who reads its value, whether it
 * has to be there, and what the manual says of it.
 *
 * ```
 * schema = { property: required('key', reader, doc), … }      reader = value(judge) · mapping(schema) · list(reader) · named(reader)
 * ```
 */
export type Schema = Readonly<Record<string, Key<unknown>>>;

export interface Key<T> {
  /** As it is written, without a leading colon. */
  readonly key: string;
  readonly reads: Reads<T>;
  readonly required: boolean;
  /** Where a key without a value must not count as a missing one: what is in the mapping may mean more without it. */
  readonly neverEmpty?: true;
  /** What counts when nothing is written, or something faulty. */
  readonly standard?: T;
  readonly doc: KeyDoc;
}

/** What the manual says of a key. */
export interface KeyDoc {
  readonly meaning: string;
  /** For what is more than its judge can say. */
  readonly accepts?: string;
  /** Of a limit: what becomes of that which is beyond it. */
  readonly beyond?: string;
}

export interface RequiredKey<T> extends Key<T> {
  readonly required: true;
}
export interface StandardKey<T> extends Key<T> {
  readonly required: false;
  readonly standard: T;
}

/** A key that has to be there and to have a value. */
export function required<T>(key: string, reads: Reads<T>, doc: KeyDoc): RequiredKey<T> {
  return { key, reads, required: true, doc };
}

/** A key that may be missing or empty; its property is missing then. */
export function optional<T>(key: string, reads: Reads<T>, doc: KeyDoc): Key<T> {
  return { key, reads, required: false, doc };
}

/** A key that may be missing, but has a value where it is written. */
export function omissible<T>(key: string, reads: Reads<T>, doc: KeyDoc): Key<T> {
  return { key, reads, required: false, neverEmpty: true, doc };
}

/** A key that has a default. */
export function withDefault<T>(key: string, reads: Reads<T>, standard: T, doc: KeyDoc): StandardKey<T> {
  return { key, reads, required: false, standard, doc };
}

type Sure<S extends Schema> = {
  [P in keyof S]: S[P] extends RequiredKey<unknown> | StandardKey<unknown> ? P : never;
}[keyof S];
type ValueOf<K> = K extends Key<infer T> ? T : never;

/** What a mapping of this schema holds. */
export type Fields<S extends Schema> = { readonly [P in Sure<S>]: ValueOf<S[P]> } & {
  readonly [P in Exclude<keyof S, Sure<S>>]?: ValueOf<S[P]>;
};

/** Reads the value of a key. Tells everything that is wrong, and throws for nothing but floods (`YamlSource`). */
export interface Reads<T> {
  (written: Written, place: Place, source: YamlSource): Outcome<T>;
  /** For the manual. */
  readonly accepts?: string;
}

/** Undefined: there is no such key. Null: it has nothing behind it, not even a node. */
export type Written = Node | null | undefined;

/** No `value`: there is none that anybody may rely on, and `problems` say why. */
export interface Outcome<T> {
  readonly value?: T;
  readonly problems: readonly Problem[];
}

/** Where a value is, for messages. */
export interface Place {
  readonly at: Position;
  /** The key it is about. */
  readonly key: string;
  /** Begins sentences: `:limits: of entry 1`. */
  readonly name: string;
  /** Ends the names of what is around it: ` of entry 1`. */
  readonly owner: string;
  /** Ends the names of what is in it: ` of :limits: of entry 1`. */
  readonly inside: string;
  readonly style: KeyStyle;
}

/** Where the value of a key is, in what is at `around`. Its names are made when a message needs them, which is hardly ever. */
export function placeOf(key: string, at: Position, around: Place): Place {
  return new KeyPlace(key, at, around);
}

class KeyPlace implements Place {
  readonly key: string;
  readonly at: Position;
  readonly style: KeyStyle;
  readonly #around: Place;

  constructor(key: string, at: Position, around: Place) {
    this.key = key;
    this.at = at;
    this.style = around.style;
    this.#around = around;
  }

  get owner(): string {
    return this.#around.inside;
  }

  get name(): string {
    return `${this.style.show(this.key)}${this.owner}`;
  }

  get inside(): string {
    return ` of ${this.name}`;
  }
}

export function problemAt(
  { key, at }: Pick<Place, 'key' | 'at'>,
  message: string,
  remedy: string,
  severity: Problem['severity'] = 'error',
): Problem {
  return { severity, ...at, key, message, remedy };
}

export function isFaulty(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === 'error');
}
