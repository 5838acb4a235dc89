import pRetry from 'p-retry';
import type { Clock } from './clock.ts';
import { ApiError } from './errors.ts';

export interface RetryOptions {
  /** In all, at least 1. */
  attempts: number;
  /** False: only when the server cannot have acted on the attempt before. */
  idempotent: boolean;
  clock: Clock;
  /** In [0, 1). */
  random: () => number;
  signal?: AbortSignal | undefined;
}

const firstDelayMs = 100;
const longestDelayMs = 10_000;
const jitter = 0.1;

/** Codes of Node's for a connection that was never made. */
const neverSent: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/**
 * Repeats `call` after transient ApiErrors: 100 ms to 10 s apart, doubled each time, with 10 % jitter, and not before the server's
 * Retry-After. When that is longer than 10 s the error is thrown at once, as waiting is better done in a queue than in a worker.
 */
export function withRetries<R>(call: () => Promise<R>, options: RetryOptions): Promise<R> {
  const { attempts, idempotent, clock, random, signal } = options;
  return pRetry(call, {
    retries: attempts - 1,
    // p-retry's own delays have another jitter and no Retry-After, so shouldRetry waits instead.
    minTimeout: 0,
    signal,
    shouldRetry: async ({ error, attemptNumber }) => {
      if (!isRepeatable(error, idempotent)) return false;
      await clock.sleep(delayBefore(attemptNumber, error.retryAfterSeconds ?? 0, random), signal);
      return true;
    },
  });
}

function isRepeatable(error: unknown, idempotent: boolean): error is ApiError {
  if (!(error instanceof ApiError) || error.class !== 'transient') return false;
  if ((error.retryAfterSeconds ?? 0) * 1000 > longestDelayMs) return false;
  const refused = error.code === 429 || (error.code === 503 && error.retryAfterSeconds !== undefined);
  return idempotent || refused || neverSent.has(error.reason);
}

function delayBefore(attempt: number, retryAfterSeconds: number, random: () => number): number {
  const backOff = Math.min(firstDelayMs * 2 ** (attempt - 1), longestDelayMs);
  return Math.max(backOff * (1 - jitter + 2 * jitter * random()), retryAfterSeconds * 1000);
}
