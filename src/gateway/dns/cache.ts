import type { Address } from '../../model/address.ts';

export interface CacheBounds {
  readonly entries: number;
  /** A TTL below this counts as this: a name with TTL 0 must not be asked for again by each of a page's requests. */
  readonly minTtlS: number;
  readonly maxTtlS: number;
  /** For names without addresses, where the server says nothing else. */
  readonly negativeTtlS: number;
}

export const DEFAULT_CACHE_BOUNDS: CacheBounds = {
  entries: 10_000,
  minTtlS: 1,
  maxTtlS: 3600,
  negativeTtlS: 5,
};

export interface Cache {
  readonly get: (key: string, nowMs: number) => readonly Address[] | undefined;
  /** No address is an answer too. `ttlS` undefined: that of names without addresses. */
  readonly put: (key: string, addresses: readonly Address[], ttlS: number | undefined, nowMs: number) => void;
}

/** Bounded; the entry that was put in first goes first. Times are milliseconds of a clock that never goes back. */
export function answerCache(bounds: CacheBounds = DEFAULT_CACHE_BOUNDS): Cache {
  const entries = new Map<string, { readonly addresses: readonly Address[]; readonly untilMs: number }>();
  return {
    get(key, nowMs) {
      const found = entries.get(key);
      if (found !== undefined && nowMs < found.untilMs) return found.addresses;
      if (found !== undefined) entries.delete(key);
      return undefined;
    },
    put(key, addresses, ttlS, nowMs) {
      const most = addresses.length === 0 ? Math.min(bounds.maxTtlS, 60) : bounds.maxTtlS;
      const seconds = Math.min(most, Math.max(bounds.minTtlS, ttlS ?? bounds.negativeTtlS));
      entries.delete(key);
      const [oldest] = entries.keys();
      if (entries.size >= bounds.entries && oldest !== undefined) entries.delete(oldest);
      entries.set(key, { addresses, untilMs: nowMs + 1000 * seconds });
    },
  };
}
