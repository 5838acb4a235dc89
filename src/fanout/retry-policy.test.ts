import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RETRY_POLICY, decideRetry, type RetryQuestion, retryDelayMs, retryPolicy } from './retry-policy.ts';

const question = (changes: Partial<RetryQuestion> = {}): RetryQuestion => ({
  failure: { errorType: 'execution_failed', reason: 'PodLost' },
  attempts: 1,
  policy: DEFAULT_RETRY_POLICY,
  endedMs: 0,
  deadlineMs: 3_600_000,
  random: 0.5,
  ...changes,
});
const stepFailed = { errorType: 'workflow_failed', reason: 'StepFailed' } as const;

describe('the policy of a run', () => {
  it('given nothing, then the defaults hold', () => {
    expect(retryPolicy(undefined, undefined)).toEqual({
      limit: 3,
      initialMs: 1_000,
      maximumMs: 300_000,
      onWorkflowFailure: false,
    });
  });

  it('given one of the run and one of its repository, then only that of the run counts', () => {
    const own = { limit: 0, backoff: { initial: '10s' } };
    expect(retryPolicy(own, { limit: 7, onWorkflowFailure: true })).toMatchObject({
      limit: 0,
      initialMs: 10_000,
      onWorkflowFailure: false,
    });
    expect(retryPolicy(undefined, { limit: 7 })).toMatchObject({ limit: 7, initialMs: 1_000 });
  });

  it('given a first wait above the longest one, then it is the longest', () => {
    expect(retryPolicy({ backoff: { initial: '10m', maximum: '1m' } })).toMatchObject({ maximumMs: 600_000 });
  });
});

describe('the wait before another attempt', () => {
  it('given no jitter, then it doubles up to its longest', () => {
    const waits = Array.from({ length: 11 }, (_, index) => retryDelayMs(DEFAULT_RETRY_POLICY, index + 1, 0.5));
    expect(waits.map(ms => ms / 1_000)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  it('property: jitter is 10 % either way, and no wait is longer than the longest with it', () => {
    const policy = fc.record({
      limit: fc.nat(),
      initialMs: fc.integer({ min: 1, max: 600_000 }),
      maximumMs: fc.integer({ min: 600_000, max: 3_600_000 }),
      onWorkflowFailure: fc.boolean(),
    });
    fc.assert(
      fc.property(policy, fc.integer({ min: 1, max: 64 }), fc.double({ min: 0, max: 1, noNaN: true }), (...args) => {
        const [given, retry, random] = args;
        const plain = Math.min(given.initialMs * 2 ** (retry - 1), given.maximumMs);
        expect(Math.abs(retryDelayMs(given, retry, random) - plain)).toBeLessThanOrEqual(plain * 0.1 + 1);
      }),
    );
  });
});

describe('whether there is another attempt', () => {
  it('given a transient failure, then there is, after the wait', () => {
    expect(decideRetry(question({ endedMs: 5_000 }))).toEqual({ retry: true, dueMs: 6_000 });
  });

  it('given the last one that is allowed, then there is none', () => {
    expect(decideRetry(question({ attempts: 3 }))).toMatchObject({ retry: true });
    expect(decideRetry(question({ attempts: 4 }))).toEqual({ retry: false, because: 'limitReached' });
  });

  it('given a failed step, then there is one only when the run asks for it', () => {
    expect(decideRetry(question({ failure: stepFailed }))).toEqual({ retry: false, because: 'notRetried' });
    const policy = retryPolicy({ onWorkflowFailure: true });
    expect(decideRetry(question({ failure: stepFailed, policy }))).toMatchObject({ retry: true });
  });

  it('given what no attempt can help, then there is none, even for a run that asks for it', () => {
    const policy = retryPolicy({ onWorkflowFailure: true });
    const failure = { errorType: 'workflow_failed', reason: 'OOMKilled' } as const;
    expect(decideRetry(question({ failure, policy }))).toEqual({ retry: false, because: 'notRetried' });
  });

  it('given a wait that ends at the deadline, then nobody waits', () => {
    expect(decideRetry(question({ deadlineMs: 1_000 }))).toEqual({ retry: false, because: 'tooLate' });
    expect(decideRetry(question({ deadlineMs: 1_001 }))).toMatchObject({ retry: true });
  });

  it('property: never more than the limit, never at the deadline or later', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 10 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat({ max: 1_000_000 }),
        fc.nat({ max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (limit, attempts, endedMs, deadlineMs, random) => {
          const policy = retryPolicy({ limit });
          const decision = decideRetry(question({ policy, attempts, endedMs, deadlineMs, random }));
          if (!decision.retry) return;
          expect(attempts).toBeLessThanOrEqual(limit);
          expect(decision.dueMs).toBeGreaterThanOrEqual(endedMs);
          expect(decision.dueMs).toBeLessThan(deadlineMs);
        },
      ),
    );
  });
});
