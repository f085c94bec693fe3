import { matchesHost } from './host-pattern.ts';
import { matchesPath } from './path-pattern.ts';
import type { Connection, Request } from './question.ts';
import type { Rule } from './rule.ts';

/** The first thing in which a rule and a question differ, in the order in which they are compared. */
export type Difference = 'host' | 'port' | 'method' | 'path';

/** Why a rule says nothing about a connection; undefined when it may say something about requests on it. */
export function connectionDifference(rule: Rule, { host, port }: Connection): 'host' | 'port' | undefined {
  if (!matchesHost(rule.host, host, rule.deny)) return 'host';
  return rule.ports.includes(port) ? undefined : 'port';
}

/** Why a rule says nothing about a request; undefined when it decides. */
export function requestDifference(rule: Rule, request: Request): Difference | undefined {
  const difference = connectionDifference(rule, request);
  if (difference !== undefined) return difference;
  if (rule.methods !== undefined && !rule.methods.has(request.method)) return 'method';
  if (rule.paths === undefined) return undefined;
  return rule.paths.some((pattern) => matchesPath(pattern, request.path, rule.deny)) ? undefined : 'path';
}
