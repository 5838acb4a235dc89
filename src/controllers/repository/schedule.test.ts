import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIN_INTERVAL_MS, nextLookMs } from './schedule.ts';

describe('nextLookMs', () => {
  test.each([
    [300_000, 0, 300_000],
    [300_000, 1, 5_000],
    [300_000, 2, 10_000],
    [300_000, 5, 80_000],
    [300_000, 50, 300_000],
    [1, 0, MIN_INTERVAL_MS],
  ])('given an interval of %i ms and %i failures, then it is %i ms', (intervalMs, failures, expected) => {
    expect(nextLookMs({ intervalMs, failures, random: 0.5 })).toBe(expected);
  });

  test('given anything, then it is within 10 % of something between the first back-off and the interval', () => {
    const input = fc.record({
      intervalMs: fc.integer({ min: 0, max: 1e9 }),
      failures: fc.nat({ max: 2000 }),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(input, values => {
        const wait = nextLookMs(values);
        expect(wait).toBeGreaterThanOrEqual(4_500);
        expect(wait).toBeLessThanOrEqual(Math.max(values.intervalMs, MIN_INTERVAL_MS) * 1.1 + 1);
      }),
    );
  });
});
