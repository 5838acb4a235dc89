import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { violations } from './testing/simulation/check.ts';
import { simulate } from './testing/simulation/world.ts';

/**
 * Histories of contenders for the locks of a few repositories, by way of three gateways that restart: agents crash with their Pod or without, sleep
 * for longer than they may and go on, requests and answers get lost or come late or twice, the API server fails, the gateways' clocks are minutes
 * apart and jump, and people delete Leases.
 */
describe('a lock under all that goes wrong', () => {
  test('given 200 contenders for 5 repositories, then no writer overlaps a holder, no stale generation is read, and everybody gets the lock', async () => {
    await fc.assert(
      fc.asyncProperty(fc.noShrink(fc.nat()), async seed => {
        const history = await simulate({ seed, contenders: 200, repositories: 5 });
        expect(history.tenures.filter(({ mode }) => mode === 'write').length).toBeGreaterThan(50);
        expect(history.readings.length).toBeGreaterThan(100);
        expect(history.calls.some(({ answer }) => answer.kind === 'publish' && !answer.value.held)).toBe(true);
        expect(violations(history)).toEqual([]);
      }),
      { numRuns: 1, endOnFailure: true },
    );
  }, 120_000);
});
