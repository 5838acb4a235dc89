import type { TreeSummary } from '../api/takorun-status.ts';
import { isNearBudget } from './budget.ts';
import { MAX_DEPTH, WARN_DEPTH } from './lineage.ts';

/** Something to look at that stops nothing: a condition of its own, beside those that say how the run stands. */
export interface TreeWarning {
  /** Type and reason of the condition, and reason of the event. */
  readonly type: 'DeepTree' | 'LargeTree';
  readonly message: string;
}

/** What the run at the top of a tree says about its size; the runs that made it so large say on which way. */
export function treeWarnings({ depth, total }: TreeSummary, budget: number): readonly TreeWarning[] {
  const warnings: TreeWarning[] = [];
  if (depth >= WARN_DEPTH)
    warnings.push({ type: 'DeepTree', message: `the tree has ${depth} levels of at most ${MAX_DEPTH}` });
  if (isNearBudget(total, budget))
    warnings.push({ type: 'LargeTree', message: `the tree has ${total} runs of at most ${budget} (TAKO_TREE_BUDGET)` });
  return warnings;
}
