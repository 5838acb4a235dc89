import { describe, expect, test } from 'vitest';
import { violations } from './testing/simulation/check.ts';
import { unfenced } from './testing/simulation/unfenced.ts';
import { type Sabotage, simulate } from './testing/simulation/world.ts';

/** That the check of linearizability.test.ts finds what is wrong. */
describe('a lock that is made wrong', () => {
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
