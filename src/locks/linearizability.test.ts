import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { violations } from './testing/simulation/check.ts';
import { unfenced } from './testing/simulation/unfenced.ts';
import { type Sabotage, simulate } from './testing/simulation/world.ts';

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

  const sabotages: [string, Sabotage, RegExp][] = [
    ['publishing without the fencing check', { keeper: unfenced() }, /which had lost its lock before it published it/],
    ['an API server that does not compare versions', { compares: false }, /overlaps/],
    [
      'silence measured by wall clocks',
      { clock: clock => ({ ...clock, monotonic: () => clock.now().getTime() }) },
      /lost its lock for no reason/,
    ],
    [
      'the word of a store that does not show new Pods yet',
      {
        isGone:
          (isOver, ageMs) =>
          async ({ uid }) =>
            isOver(uid) || ageMs(uid) < 20_000,
      },
      /overlaps/,
    ],
    ['agents that do not say which generations they see', { tellsFences: false }, /published \d+, which whoever/],
  ];

  test.each(sabotages)(
    'given %s, then the same check finds it',
    async (_what, sabotage, expected) => {
      const found: string[] = [];
      for (let seed = 1; seed <= 20 && !found.some(one => expected.test(one)); seed++) {
        found.push(...violations(await simulate({ seed, contenders: 30, repositories: 1, sabotage })));
      }
      expect(found).toContainEqual(expect.stringMatching(expected));
    },
    120_000,
  );

  test('given the same few contenders without any of that, then nothing is found', async () => {
    for (let seed = 1; seed <= 2; seed++) {
      expect(violations(await simulate({ seed, contenders: 30, repositories: 1 }))).toEqual([]);
    }
  }, 120_000);
});
