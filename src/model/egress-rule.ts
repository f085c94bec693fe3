/** What `tproxy_egress.yaml` says, as plain data. Patterns are as they are written; whoever judges compiles them. */

/** A client as the rule file has it. */
export interface EgressClient {
  readonly name: string;
  readonly line: number;
  /** SHA-256 of its token: 64 hexadecimal digits in lower case. Undefined: it has none. */
  readonly tokenHash?: string;
  /** Names or ids; undefined: any. */
  readonly networks?: readonly string[];
  /** Ids; undefined: any. */
  readonly vms?: readonly string[];
  readonly rules: readonly EgressRule[];
}

/** One rule, with the defaults filled in. */
export interface EgressRule {
  /** Counted from 1 within its client. */
  readonly number: number;
  readonly line: number;
  /** A name, `*.name`, `*`, an address or a range. */
  readonly host: string;
  readonly ports: readonly number[];
  readonly passthrough: boolean;
  readonly deny: boolean;
  /** Undefined: all. */
  readonly methods?: readonly string[];
  /** Patterns; undefined: all. */
  readonly paths?: readonly string[];
  readonly requestHeaders?: EgressHeaders;
  readonly responseHeaders?: EgressHeaders;
}

export interface EgressHeaders {
  /** Name and value. A value of a request may be `secret:NAME` (`secretName`). */
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

const SECRET = 'secret:';

/** The name of the secret that is meant by the value of a header; undefined for a value that is one itself. */
export function secretName(value: string): string | undefined {
  return value.startsWith(SECRET) ? value.slice(SECRET.length) : undefined;
}
