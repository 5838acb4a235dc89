import { mergeErrors } from '../../fanout/errors.ts';
import { addSummaries, addTreeSummaries, childrenText, emptySummary } from '../../fanout/summary.ts';
import type { LiveRun } from './observed.ts';
import { errorsStatus, type StatusBody } from './status.ts';

/** What a workflow run's status says about the children of its fan-outs; nothing when it has none. */
export function fanOutSummary(fanOuts: readonly LiveRun[]): Partial<StatusBody> {
  if (fanOuts.length === 0) return {};
  const statuses = fanOuts.map(({ status }) => status);
  const summary = addSummaries(...statuses.map(status => status?.childrenSummary ?? emptySummary()));
  const tree = addTreeSummaries(...statuses.map(status => status?.treeSummary ?? { ...emptySummary(), depth: 0 }));
  const errors = mergeErrors(
    statuses.map(status => ({ errors: status?.detailedErrors ?? [], omitted: status?.detailedErrorsOmitted ?? 0 })),
  );
  return {
    childrenSummary: summary,
    treeSummary: tree,
    children: childrenText(summary),
    ...errorsStatus(errors),
  };
}
