import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';

export interface TokenBucketOptions {
  /** Tokens a second. */
  qps: number;
  /** Tokens when full, and at the start. */
  burst: number;
  clock?: Clock;
}

/** A token bucket with reservations, as golang.org/x/time/rate: those who come first go first. */
export interface TokenBucket {
  /** Takes a token, maybe a future one; returns after how many milliseconds it may be used. */
  reserve(): number;
  /** Waits for a token; an abort gives it back. Resolves with the milliseconds waited. */
  acquire(signal?: AbortSignal): Promise<number>;
}

export function createTokenBucket({ qps, burst, clock = systemClock }: TokenBucketOptions): TokenBucket {
  if (!(qps > 0) || !(burst >= 1))
    throw new RangeError(`a token bucket needs qps > 0 and burst >= 1, got ${qps}, ${burst}`);
  let tokens = burst;
  let last = clock.monotonic();

  const reserve = (): number => {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - last) * qps) / 1000) - 1;
    last = now;
    return tokens >= 0 ? 0 : (-tokens * 1000) / qps;
  };

  return {
    reserve,
    acquire: async signal => {
      signal?.throwIfAborted();
      const delay = reserve();
      if (delay === 0) return 0;
      try {
        await clock.sleep(delay, signal);
      } catch (error) {
        tokens = Math.min(burst, tokens + 1);
        throw error;
      }
      return delay;
    },
  };
}
