import type { HostPattern } from './host-pattern.ts';
import type { PathPattern } from './path-pattern.ts';

/** Where a rule stands, for people. */
export interface RuleSource {
  readonly file: string;
  readonly line: number;
}

export interface HeaderChanges {
  /** Name and value; a value may be `secret:NAME`. */
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** One rule of a client, as its file has it with the defaults filled in. */
export interface Rule {
  readonly source: RuleSource;
  /** Counted from 1 within its client, as `tproxy egress rules` shows it. */
  readonly number: number;
  readonly deny: boolean;
  readonly host: HostPattern;
  readonly ports: readonly number[];
  readonly passthrough: boolean;
  /** Upper case; undefined: all. */
  readonly methods: ReadonlySet<string> | undefined;
  /** One of them has to match; undefined: all. */
  readonly paths: readonly PathPattern[] | undefined;
  readonly requestHeaders: HeaderChanges | undefined;
  readonly responseHeaders: HeaderChanges | undefined;
}

/** `ports` of a rule that names none. */
export function defaultPorts(passthrough: boolean): readonly number[] {
  return passthrough ? [443] : [80, 443];
}

/** Whether it depends on more than host and port, so that it can't be judged before the request is known. */
export function isConditional({ methods, paths }: Rule): boolean {
  return methods !== undefined || paths !== undefined;
}

/** Whether TLS has to end at the gateway for what this rule says. */
export function needsInterception(rule: Rule): boolean {
  if (rule.passthrough) return false;
  return (
    isConditional(rule) ||
    (!rule.deny && (rule.requestHeaders !== undefined || rule.responseHeaders !== undefined))
  );
}

/** `tproxy_egress.yaml:12`, as verdicts name a rule. */
export function formatSource({ file, line }: RuleSource): string {
  return `${file}:${line}`;
}
