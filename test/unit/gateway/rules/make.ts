import { createHash } from 'node:crypto';
import { canonicalHost, type Host } from '../../../../src/gateway/names/host.ts';
import { isRefusal } from '../../../../src/gateway/names/refusal.ts';
import { canonicalTarget } from '../../../../src/gateway/names/target.ts';
import type { Client, ClientDefinition } from '../../../../src/gateway/rules/client.ts';
import { compileClient } from '../../../../src/gateway/rules/client.ts';
import { parseHostPattern } from '../../../../src/gateway/rules/host-pattern.ts';
import { parsePathPattern } from '../../../../src/gateway/rules/path-pattern.ts';
import type { Request } from '../../../../src/gateway/rules/question.ts';
import { defaultPorts, type Rule } from '../../../../src/gateway/rules/rule.ts';

/** A rule as its file has it. */
export interface Written {
  readonly host: string;
  readonly ports?: readonly number[];
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
  readonly deny?: boolean;
  readonly passthrough?: boolean;
  readonly set?: Readonly<Record<string, string>>;
}

export function rule(written: Written, number = 1): Rule {
  const { passthrough = false, deny = false, methods, paths, set } = written;
  return {
    source: { file: 'tproxy_egress.yaml', line: 10 + number },
    number,
    deny,
    passthrough,
    host: sound(parseHostPattern(written.host)),
    ports: written.ports ?? defaultPorts(passthrough),
    methods: methods && new Set(methods),
    paths: paths?.map((path) => sound(parsePathPattern(path))),
    requestHeaders: set && { set: Object.entries(set), remove: [] },
    responseHeaders: undefined,
  };
}

export function definition(
  name: string,
  rules: readonly Written[],
  more: { token?: string; networks?: readonly string[]; vms?: readonly string[] } = {},
): ClientDefinition {
  const { token, networks, vms } = more;
  return {
    name,
    source: { file: 'tproxy_egress.yaml', line: 1 },
    tokenHash: token === undefined ? undefined : createHash('sha256').update(token).digest(),
    networks: networks && new Set(networks),
    vms: vms && new Set(vms),
    rules: rules.map((written, at) => rule(written, at + 1)),
  };
}

export function client(...rules: readonly Written[]): Client {
  return compileClient(definition('web-1', rules));
}

export function request(method: string, url: string): Request {
  const target = canonicalTarget(url);
  if (isRefusal(target)) throw new Error(`${url}: ${target.refused}`);
  return { ...target.authority, method, path: target.path };
}

export function host(text: string): Host {
  const found = canonicalHost(text);
  if (isRefusal(found)) throw new Error(`${text}: ${found.refused}`);
  return found;
}

function sound<T extends object>(pattern: T | { readonly fault: string }): T {
  if ('fault' in pattern) throw new Error(pattern.fault);
  return pattern;
}
