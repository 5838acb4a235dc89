import { describe, expect, it } from 'vitest';
import { emptySummary } from './summary.ts';
import { treeWarnings } from './tree-warnings.ts';

describe('the warnings of a tree', () => {
  it.each([
    [6, 79, []],
    [7, 79, ['the tree has 7 levels of at most 10']],
    [6, 80, ['the tree has 80 runs of at most 100 (TAKO_TREE_BUDGET)']],
    [10, 100, ['the tree has 10 levels of at most 10', 'the tree has 100 runs of at most 100 (TAKO_TREE_BUDGET)']],
  ])('given %i levels and %i runs of at most 100, then %j', (depth, total, messages) => {
    const warnings = treeWarnings({ ...emptySummary(), total, depth }, 100);
    expect(warnings.map(({ message }) => message)).toEqual(messages);
  });
});
