import { describe, expect, it } from 'vitest';
import { createBackOff } from './backoff.ts';

describe('createBackOff', () => {
  it('given failures, then delays double up to the longest, each with its jitter, and start over after a reset', () => {
    const backOff = createBackOff({ firstMs: 100, longestMs: 1_000, jitter: 0.5, random: () => 0.5 });
    expect([1, 2, 3, 4, 5, 6].map(() => backOff.next())).toEqual([125, 250, 500, 1_000, 1_250, 1_250]);
    backOff.reset();
    expect(backOff.next()).toBe(125);
  });

  it('given thousands of failures, then the delay stays a number', () => {
    const backOff = createBackOff({ random: () => 0 });
    for (let i = 0; i < 5_000; i++) backOff.next();
    expect(backOff.next()).toBe(30_000);
  });
});
