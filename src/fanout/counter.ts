import type { ChildrenSummary, TreeSummary } from '../api/takorun-status.ts';
import {
  addSummaries,
  addTreeSummaries,
  type Counted,
  emptySummary,
  nest,
  summaryState,
  withMissing,
} from './summary.ts';

/**
 * The summary of an event run's children, kept by differences: a change of one child costs the same with ten children and with ten
 * thousand. Rebuild it after a relist.
 */
export interface SummaryCounter {
  /**
   * A child was added (`old` absent), changed, or went away (`next` absent). `old` must be what this counter was told last, as a store
   * reports it.
   */
  transition(old: Counted | undefined, next: Counted | undefined): void;
  /** Equals `summarise` over all children that are there. */
  children(expected?: number): ChildrenSummary;
  /** Equals `treeSummary` over all children that are there. */
  tree(expected?: number): TreeSummary;
}

export function createSummaryCounter(initial: Iterable<Counted> = []): SummaryCounter {
  let children = emptySummary();
  let below = emptySummary();
  /** How many children have a tree of that depth. A maximum cannot be taken back by subtraction, a count can. */
  const depths = new Map<number, number>();

  const count = (child: Counted, sign: 1 | -1): void => {
    children = addSummaries(children, scaled({ ...emptySummary(), total: 1, [summaryState(child.phase)]: 1 }, sign));
    if (child.treeSummary === undefined) return;
    below = addSummaries(below, scaled(child.treeSummary, sign));
    const { depth } = child.treeSummary;
    const left = (depths.get(depth) ?? 0) + sign;
    if (left > 0) depths.set(depth, left);
    else depths.delete(depth);
  };

  const transition = (old: Counted | undefined, next: Counted | undefined): void => {
    if (old !== undefined) count(old, -1);
    if (next !== undefined) count(next, 1);
  };

  for (const child of initial) transition(undefined, child);
  return {
    transition,
    children: (expected = 0) => withMissing(children, expected),
    tree: (expected = 0) =>
      nest(withMissing(children, expected), addTreeSummaries({ ...below, depth: Math.max(0, ...depths.keys()) })),
  };
}

function scaled(summary: ChildrenSummary, sign: 1 | -1): ChildrenSummary {
  const result = emptySummary();
  for (const state of Object.keys(result) as (keyof ChildrenSummary)[]) result[state] = sign * summary[state];
  return result;
}
