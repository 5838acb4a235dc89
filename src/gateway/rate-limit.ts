import type { Clock } from '../kube/clock.ts';

export interface RateLimit {
  /** Tokens a second. */
  readonly perSecond: number;
  /** Tokens when full, and at the start. */
  readonly burst: number;
}

/** A token bucket for each key. Unlike that of the client it never makes anybody wait: who has no token is told when to come back. */
export interface KeyedRateLimiter {
  /** Takes a token of that key: 0, or the milliseconds until there is one. */
  take(key: string): number;
  /** Keys that are remembered. */
  readonly size: number;
}

export interface KeyedRateLimiterOptions extends RateLimit {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** How many keys are remembered; beyond that the one that was idle longest is forgotten. Default 10,000. */
  readonly maxKeys?: number;
}

interface Bucket {
  tokens: number;
  updatedAt: number;
}

export function createKeyedRateLimiter(options: KeyedRateLimiterOptions): KeyedRateLimiter {
  const { perSecond, burst, clock, maxKeys = 10_000 } = options;
  /** In the order of their last use: a Map keeps the order of insertion. */
  const buckets = new Map<string, Bucket>();

  return {
    take: key => {
      const now = clock.monotonic();
      const { tokens, updatedAt } = buckets.get(key) ?? { tokens: burst, updatedAt: now };
      const filled = Math.min(burst, tokens + ((now - updatedAt) * perSecond) / 1_000);
      const granted = filled >= 1;
      buckets.delete(key);
      buckets.set(key, { tokens: granted ? filled - 1 : filled, updatedAt: now });
      if (buckets.size > maxKeys) buckets.delete(buckets.keys().next().value!);
      return granted ? 0 : Math.ceil(((1 - filled) * 1_000) / perSecond);
    },
    get size() {
      return buckets.size;
    },
  };
}
