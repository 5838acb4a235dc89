import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkBudget } from './budget.ts';

const root = { namespace: 'team', name: 'release-1' };
const check = (existing: number, added: number, budget = 10) => checkBudget({ root, existing, added, budget });

describe('the budget of a tree', () => {
  it.each([
    [0, 7, 'passes'],
    [0, 8, 'warns'],
    [7, 1, 'warns'],
    [0, 10, 'warns'],
    [9, 1, 'warns'],
    [0, 11, 'refuses'],
    [10, 1, 'refuses'],
    [10, 0, 'passes'],
    [50, 0, 'passes'],
  ])('given %i runs and %i more of at most 10, then it %s', (existing, added, verdict) => {
    const result = check(existing, added);
    expect(result.ok ? (result.warning === undefined ? 'passes' : 'warns') : 'refuses').toBe(verdict);
  });

  it('given too many, then the message has both counts, the budget and the setting', () => {
    expect(check(9, 3)).toEqual({
      ok: false,
      reason: 'TreeBudgetExceeded',
      message:
        'the tree of team/release-1 has 9 runs, and this event would add 3: a tree has at most 10 (TAKO_TREE_BUDGET); narrow subscriptions or filters, or have the budget raised',
    });
    expect(check(1, 30)).toMatchObject({ message: expect.stringContaining('has 1 run,') });
  });

  it('given a tree that gets large, then the warning says how large', () => {
    expect(check(7, 2)).toEqual({
      ok: true,
      warning: 'the tree of team/release-1 has 9 runs of at most 10 (TAKO_TREE_BUDGET)',
    });
  });

  it('property: what passes never goes over the budget, and only what would go over it is refused', () => {
    const natural = fc.nat({ max: 20_000 });
    fc.assert(
      fc.property(natural, natural, fc.integer({ min: 1, max: 20_000 }), (existing, added, budget) => {
        const { ok } = check(existing, added, budget);
        expect(ok).toBe(added === 0 || existing + added <= budget);
      }),
    );
  });
});
