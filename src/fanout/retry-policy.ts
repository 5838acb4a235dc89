import type { RetrySpec } from '../api/common.ts';
import { parseDuration } from '../workflow/duration.ts';
import { type AttemptFailure, failureClass } from './transient.ts';

/** How often and how fast the Pod of a run is tried again. */
export interface RetryPolicy {
  /** Attempts after the first. */
  readonly limit: number;
  /** Wait before the second attempt, milliseconds; it doubles with each further one. */
  readonly initialMs: number;
  /** Longest wait, milliseconds, before jitter. */
  readonly maximumMs: number;
  /** Whether what a step did is retried too. */
  readonly onWorkflowFailure: boolean;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  limit: 3,
  initialMs: 1_000,
  maximumMs: 300_000,
  onWorkflowFailure: false,
};

/** Give or take, so that a thousand runs that one node loss ended do not all come back in one second. */
const JITTER = 0.1;

/** The policy of the first spec that is there, the run's own before its repository's, with defaults for what it leaves out. */
export function retryPolicy(...specs: readonly (RetrySpec | undefined)[]): RetryPolicy {
  const spec = specs.find(candidate => candidate !== undefined);
  const initialMs = durationMs(spec?.backoff?.initial, DEFAULT_RETRY_POLICY.initialMs);
  return {
    limit: spec?.limit ?? DEFAULT_RETRY_POLICY.limit,
    initialMs,
    maximumMs: Math.max(initialMs, durationMs(spec?.backoff?.maximum, DEFAULT_RETRY_POLICY.maximumMs)),
    onWorkflowFailure: spec?.onWorkflowFailure ?? DEFAULT_RETRY_POLICY.onWorkflowFailure,
  };
}

/**
 * The wait before an attempt, milliseconds.
 *
 * @param retry which one after the first attempt, from 1
 * @param random from 0 to 1
 */
export function retryDelayMs({ initialMs, maximumMs }: RetryPolicy, retry: number, random: number): number {
  const wait = Math.min(initialMs * 2 ** Math.min(retry - 1, 30), maximumMs);
  return Math.round(wait * (1 - JITTER + 2 * JITTER * random));
}

export interface RetryQuestion {
  readonly failure: AttemptFailure;
  /** Attempts that have ended, this one among them. */
  readonly attempts: number;
  readonly policy: RetryPolicy;
  /** Milliseconds since the epoch. */
  readonly endedMs: number;
  /** When the run ends at the latest, milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** From 0 to 1. */
  readonly random: number;
}

export type RetryDecision =
  /** `dueMs`: the next attempt may start then, milliseconds since the epoch. */
  | { readonly retry: true; readonly dueMs: number }
  | { readonly retry: false; readonly because: 'notRetried' | 'limitReached' | 'tooLate' };

/** Whether a failed attempt is followed by another one. One that could only start at the deadline or later is not waited for. */
export function decideRetry({ failure, attempts, policy, endedMs, deadlineMs, random }: RetryQuestion): RetryDecision {
  const found = failureClass(failure);
  const isWanted = found === 'transient' || (found === 'workflow' && policy.onWorkflowFailure);
  if (!isWanted) return { retry: false, because: 'notRetried' };
  if (attempts > policy.limit) return { retry: false, because: 'limitReached' };
  const dueMs = endedMs + retryDelayMs(policy, attempts, random);
  return dueMs < deadlineMs ? { retry: true, dueMs } : { retry: false, because: 'tooLate' };
}

/** The API server has checked its form. */
function durationMs(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const parsed = parseDuration(text);
  return parsed.ok ? parsed.ms : fallback;
}
