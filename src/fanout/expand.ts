import type { TakoRunStatus } from '../api/takorun.ts';
import { type PlannedChild, planChildren } from './children.ts';
import { resolveInputs } from './inputs.ts';
import { checkLineage, type LineageResult } from './lineage.ts';
import { type CandidateResult, decide, type FilterResult, skippedStatus } from './match.ts';
import { type RunObject, runIdentity } from './objects.ts';

type FanOutStatus = NonNullable<TakoRunStatus['fanOut']>;

/** What becomes of an event: its children, and what status tells about those that it has not. */
export type Expansion =
  | {
      readonly ok: true;
      readonly children: readonly PlannedChild[];
      readonly status: Pick<
        FanOutStatus,
        'subscribersFound' | 'triggeredCount' | 'deduplicated' | 'skippedCount' | 'skipped' | 'withoutConsent'
      >;
      /** The tree is getting deep. */
      readonly warning?: string;
    }
  /** Nothing may be created: the run fails with execution_failed and this reason. */
  | Extract<LineageResult, { ok: false }>;

/**
 * The stages behind the filters in their order: filters, inputs, dedup, lineage. `found` is what `candidates` gave for the event of `parent`,
 * `results` its filters' results. The same arguments always give the same children.
 *
 * Throws a TypeError for a run without an event.
 */
export function expand(
  parent: RunObject,
  found: CandidateResult,
  results: ReadonlyMap<string, FilterResult>,
): Expansion {
  const { event } = parent.spec;
  if (event === undefined) throw new TypeError(`expected a TakoRun with an event, got ${parent.metadata.name}`);
  const decision = decide(found.candidates, results);
  const { resolved, skipped } = resolveInputs(decision.matched, event);
  const { children, deduplicated } = planChildren(runIdentity(parent).uid, resolved);
  const lineage = checkLineage(parent, children);
  if (!lineage.ok) return lineage;
  return {
    ok: true,
    children,
    status: {
      subscribersFound: found.subscribersFound,
      withoutConsent: found.withoutConsent,
      triggeredCount: children.length,
      deduplicated,
      ...skippedStatus([...found.skipped, ...decision.skipped, ...skipped]),
    },
    ...(lineage.warning !== undefined && { warning: lineage.warning }),
  };
}
