import type { Rule } from './rule.ts';

/** What two fields of one rule say against each other, as half a sentence; the reader of the file makes it an error. */
export function contradictionIn(rule: Rule): string | undefined {
  const headers = rule.requestHeaders !== undefined || rule.responseHeaders !== undefined;
  if (rule.passthrough) {
    if (rule.methods !== undefined) return 'has methods, which passthrough never sees';
    if (rule.paths !== undefined) return 'has paths, which passthrough never sees';
    if (headers) return 'has headers, which passthrough never sees';
    if (rule.deny) return 'has passthrough, and denies';
  }
  if (rule.deny && headers) return 'has headers, and denies';
  if (rule.methods?.has('CONNECT'))
    return 'has CONNECT, which is no method of a request; name host and ports only';
  return undefined;
}
