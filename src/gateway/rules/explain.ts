import type { Client } from './client.ts';
import { decide } from './decide.ts';
import { type Difference, requestDifference } from './match.ts';
import type { Request } from './question.ts';
import type { Rule } from './rule.ts';
import type { Verdict } from './verdict.ts';

export interface Explanation {
  readonly verdict: Verdict;
  /** The rules before the one that decided, or all, in order, each with what it differs in. */
  readonly passedOver: readonly { readonly rule: Rule; readonly difference: Difference }[];
}

/** The verdict of `decide`, and why no earlier rule decided. */
export function explain(client: Client | undefined, request: Request): Explanation {
  const verdict = decide(client, request);
  const decider = 'rule' in verdict ? verdict.rule : undefined;
  const passedOver: { rule: Rule; difference: Difference }[] = [];
  for (const rule of client?.rules ?? []) {
    if (rule === decider) break;
    const difference = requestDifference(rule, request);
    if (difference !== undefined) passedOver.push({ rule, difference });
  }
  return { verdict, passedOver };
}

/** Of rules that don't match, the one that comes nearest: what would have to be added to it is what would allow the request. */
export function nearestMiss({ passedOver }: Explanation): Explanation['passedOver'][number] | undefined {
  const order: readonly Difference[] = ['path', 'method', 'port'];
  for (const wanted of order) {
    const found = passedOver.find(({ rule, difference }) => difference === wanted && !rule.deny);
    if (found !== undefined) return found;
  }
  return undefined;
}
