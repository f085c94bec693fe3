import { isIPv4 } from 'node:net';
import { messageOf, TproxyError } from '../errors.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { endpointOf, type Service } from '../model/service.ts';
import { runProgram } from '../system/run.ts';
import { whyNoUpstream } from './address.ts';
import { getentLookup, type Lookup, NO_SUCH_HOST } from './lookup.ts';

export interface Unresolved {
  readonly service: Service;
  readonly reason: string;
  /** The name does not exist, says who has to know. */
  readonly unknown?: boolean;
}

export interface Resolved {
  /** Of the services that have an address, in their order. */
  readonly endpoints: readonly Endpoint[];
  /** The others. What to do about them is up to the caller: an endpoint that is in use keeps its last good address. */
  readonly failures: readonly Unresolved[];
}

export interface ResolveOptions {
  readonly lookup?: Lookup;
  /** For all names together. Default 2 000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 2000;

/** Host names in `remote_addr` to IPv4 addresses, all at once. Never rejects; a bad name harms only itself. */
export async function resolveServices(
  services: readonly Service[],
  options: ResolveOptions = {},
): Promise<Resolved> {
  const { lookup = getentLookup(runProgram), timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const names = new Set(services.map((service) => service.remoteAddr).filter((name) => !isIPv4(name)));
  const answers = new Map<string, Answer>();
  await Promise.all(
    [...names].map(async (name) => answers.set(name, await answerOf(name, lookup, timeoutMs))),
  );

  const endpoints: Endpoint[] = [];
  const failures: Unresolved[] = [];
  for (const service of services) {
    const { remoteAddr, remotePort } = service;
    const answer = answers.get(remoteAddr) ?? { address: remoteAddr };
    if ('reason' in answer) failures.push({ service, ...answer });
    else endpoints.push(endpointOf(service, { address: answer.address, port: remotePort }));
  }
  return { endpoints, failures };
}

type Answer = { readonly address: string } | Omit<Unresolved, 'service'>;

async function answerOf(name: string, lookup: Lookup, timeoutMs: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, { reason: `${name}: no answer within ${timeoutMs / 1000} s` });
  });
  const asked = ask(name, lookup, timeoutMs);
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

async function ask(name: string, lookup: Lookup, timeoutMs: number): Promise<Answer> {
  try {
    const address = await lookup(name, timeoutMs);
    const why = isIPv4(address) ? whyNoUpstream(address) : 'which is no IPv4 address';
    return why === undefined ? { address } : { reason: `${name}: resolves to ${address}, ${why}` };
  } catch (error) {
    const unknown = error instanceof TproxyError && error.code === NO_SUCH_HOST;
    return { reason: messageOf(error), ...(unknown ? { unknown } : {}) };
  }
}
