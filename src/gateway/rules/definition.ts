import type { EgressClient, EgressRule } from '../../model/egress-rule.ts';
import type { ClientDefinition } from './client.ts';
import { type PatternFault, parseHostPattern } from './host-pattern.ts';
import { parsePathPattern } from './path-pattern.ts';
import type { Rule } from './rule.ts';

/** A client of the rule file, as the reader gives it, for the judge. `file` is what verdicts call the file. */
export function definitionOf(client: EgressClient, file: string): ClientDefinition {
  const { name, line, tokenHash, networks, vms, rules } = client;
  return {
    name,
    source: { file, line },
    tokenHash: tokenHash === undefined ? undefined : Buffer.from(tokenHash, 'hex'),
    networks: networks && new Set(networks),
    vms: vms && new Set(vms),
    rules: rules.map((rule) => ruleOf(rule, file)),
  };
}

function ruleOf(written: EgressRule, file: string): Rule {
  const { line, host, methods, paths, requestHeaders, responseHeaders, ...rest } = written;
  return {
    ...rest,
    source: { file, line },
    host: sound(parseHostPattern(host)),
    methods: methods && new Set(methods),
    paths: paths?.map((path) => sound(parsePathPattern(path))),
    requestHeaders,
    responseHeaders,
  };
}

/** The reader has judged it by the same functions. */
function sound<T extends object>(pattern: T | PatternFault): T {
  if ('fault' in pattern) throw new Error(`a pattern of the rule file ${pattern.fault}`);
  return pattern;
}
