import { isIPv4 } from 'node:net';
import { TproxyError, troubleOf } from '../errors.ts';
import type { Resolved } from '../model/service.ts';
import { runProgram } from '../system/run.ts';
import { withTimeLimit } from '../time-limit.ts';
import { getentLookup, type Lookup, NO_SUCH_HOST } from './lookup.ts';
import { whyNoUpstream } from './mesh/address.ts';

export interface ResolveOptions {
  readonly lookup?: Lookup;
  /** For all names together. Default 2 000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 2000;

/**
 * Host names to IPv4 addresses, all at once. Never rejects; a bad name harms only itself, and what to do about it is up to
 * the caller: an endpoint that is in use keeps its last good address.
 */
export async function resolveNames(
  names: readonly string[],
  options: ResolveOptions = {},
): Promise<ReadonlyMap<string, Resolved>> {
  const { lookup = getentLookup(runProgram), timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const answers = await Promise.all(
    [...new Set(names)].map(async (name) => [name, await answerOf(name, lookup, timeoutMs)] as const),
  );
  return new Map(answers);
}

function answerOf(name: string, lookup: Lookup, timeoutMs: number): Promise<Resolved> {
  const reason = `${name}: no answer within ${timeoutMs / 1000} s`;
  return withTimeLimit(ask(name, lookup, timeoutMs), timeoutMs, () => ({ reason }));
}

async function ask(name: string, lookup: Lookup, timeoutMs: number): Promise<Resolved> {
  try {
    const address = await lookup(name, timeoutMs);
    const why = isIPv4(address) ? whyNoUpstream(address) : 'which is no IPv4 address';
    return why === undefined ? { address } : { reason: `${name}: resolves to ${address}, ${why}` };
  } catch (error) {
    const unknown = error instanceof TproxyError && error.code === NO_SUCH_HOST;
    const { what: reason, remedy } = troubleOf(error);
    return { reason, ...(remedy === undefined ? {} : { remedy }), ...(unknown ? { unknown } : {}) };
  }
}
