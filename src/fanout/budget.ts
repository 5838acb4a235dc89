import type { ObjectName } from './objects.ts';

/** How many workflow runs a tree may have below its root unless the operator's settings say otherwise. */
export const DEFAULT_TREE_BUDGET = 10_000;
/** From this part of the budget on there is a warning. */
const WARN_PART = 0.8;

/** How large a tree is, and what an event would add to it. */
export interface TreeGrowth {
  /** The run at the top, for the message. */
  readonly root: ObjectName;
  /** Workflow runs below the root that exist, or are being created for other events. */
  readonly existing: number;
  /** Runs that this event would add. */
  readonly added: number;
  readonly budget: number;
}

export type BudgetResult =
  | { readonly ok: true; readonly warning?: string }
  | { readonly ok: false; readonly reason: 'TreeBudgetExceeded'; readonly message: string };

/**
 * Whether a tree may grow by these runs: all of them or none. What depth and cycle checks do not see is a tree that is flat and wide at
 * every level; ten levels of ten subscribers each would be ten thousand million runs.
 */
export function checkBudget({ root, existing, added, budget }: TreeGrowth): BudgetResult {
  const total = existing + added;
  const tree = `the tree of ${root.namespace}/${root.name}`;
  if (added > 0 && total > budget) {
    return {
      ok: false,
      reason: 'TreeBudgetExceeded',
      message: `${tree} has ${countText(existing)}, and this event would add ${added}: a tree has at most ${budget} (TAKO_TREE_BUDGET); narrow subscriptions or filters, or have the budget raised`,
    };
  }
  if (added === 0 || !isNearBudget(total, budget)) return { ok: true };
  return { ok: true, warning: `${tree} has ${countText(total)} of at most ${budget} (TAKO_TREE_BUDGET)` };
}

/** Whether a tree of this many runs is one to warn of. */
export function isNearBudget(runs: number, budget: number): boolean {
  return runs >= budget * WARN_PART;
}

function countText(runs: number): string {
  return runs === 1 ? '1 run' : `${runs} runs`;
}
