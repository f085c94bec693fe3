import type { Client } from './client.ts';
import { connectionDifference, requestDifference } from './match.ts';
import type { Connection, Request } from './question.ts';
import { isConditional, needsInterception } from './rule.ts';
import type { Admission, Verdict } from './verdict.ts';

/** The one judge of requests, of every entry and every version of HTTP, and of `explain`. The first rule that matches decides. */
export function decide(client: Client | undefined, request: Request): Verdict {
  if (client === undefined) return { allowed: false, because: 'no-client' };
  for (const rule of client.index.candidates(request.host, request.port)) {
    if (requestDifference(rule, request) !== undefined) continue;
    if (rule.deny) return { allowed: false, because: 'rule', client, rule };
    return { allowed: true, client, rule };
  }
  return { allowed: false, because: 'no-rule', client };
}

/**
 * The one judge of connections whose requests are not known yet. Rules with methods or paths decide nothing here: where one of them may
 * come first, TLS is intercepted and `decide` has the word on each request. Denied is what no request could change.
 */
export function admit(client: Client | undefined, connection: Connection): Admission {
  if (client === undefined) return { allowed: false, because: 'no-client' };
  let conditional = false;
  for (const rule of client.index.candidates(connection.host, connection.port)) {
    if (connectionDifference(rule, connection) !== undefined) continue;
    if (isConditional(rule)) {
      // A prohibition of some requests matters only if a later rule allows others.
      if (!rule.deny) return { allowed: true, treatment: 'intercept', client, rule };
      conditional = true;
      continue;
    }
    if (rule.deny) return { allowed: false, because: 'rule', client, rule };
    if (conditional || needsInterception(rule))
      return { allowed: true, treatment: 'intercept', client, rule };
    return { allowed: true, treatment: rule.passthrough ? 'passthrough' : 'tls-or-http', client, rule };
  }
  return { allowed: false, because: 'no-rule', client };
}
