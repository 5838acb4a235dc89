import type { Clock } from '../kube/clock.ts';
import { GatewayFailure } from './failure.ts';

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

/**
 * The generic cell rate algorithm (ITU-T I.371): a bucket is the one moment at which it will be full again, so there is nothing to
 * refill and nothing to round.
 */
export function createKeyedRateLimiter(options: KeyedRateLimiterOptions): KeyedRateLimiter {
  const { perSecond, burst, clock, maxKeys = 10_000 } = options;
  const perToken = 1_000 / perSecond;
  /** When the bucket of a key is full, in the order of last use: a Map keeps the order of insertion. */
  const fullAt = new Map<string, number>();

  return {
    take: key => {
      const now = clock.monotonic();
      const full = Math.max(now, fullAt.get(key) ?? now);
      const waitMs = Math.max(0, full - now - (burst - 1) * perToken);
      fullAt.delete(key);
      fullAt.set(key, waitMs === 0 ? full + perToken : full);
      if (fullAt.size > maxKeys) fullAt.delete(fullAt.keys().next().value!);
      return Math.ceil(waitMs);
    },
    get size() {
      return fullAt.size;
    },
  };
}

/** Takes a token, or throws a `GatewayFailure` (429) that says when to come back. */
export function checkRate(limiter: KeyedRateLimiter, key: string): void {
  const waitMs = limiter.take(key);
  if (waitMs === 0) return;
  const retryAfterSeconds = Math.ceil(waitMs / 1_000);
  throw new GatewayFailure(429, 'TooManyRequests', 'this run asks too often', { retry: true, retryAfterSeconds });
}
