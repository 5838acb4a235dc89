import fc from 'fast-check';
import { type ChildrenSummary, PHASES, type TreeSummary } from '../../api/takorun-status.ts';
import type { Counted } from '../summary.ts';

/** A child in any phase, with any tree below it. */
export function anyChild(): fc.Arbitrary<Counted> {
  return fc.record({
    phase: fc.constantFrom(undefined, ...PHASES),
    treeSummary: fc.option(anyTreeSummary(), { nil: undefined }),
  });
}

function anyTreeSummary(): fc.Arbitrary<TreeSummary> {
  const count = fc.nat({ max: 50 });
  const states = { completed: count, failed: count, timedOut: count, canceled: count, running: count, pending: count };
  return fc
    .record({ ...states, depth: fc.nat({ max: 9 }) })
    .map(summary => ({ ...summary, total: sumOfStates(summary) }));
}

export function sumOfStates(summary: Omit<ChildrenSummary, 'total'>): number {
  const { completed, failed, timedOut, canceled, running, pending } = summary;
  return completed + failed + timedOut + canceled + running + pending;
}
