import type { ChildrenSummary, DetailedError, ErrorType, Phase, TreeSummary } from '../api/takorun-status.ts';
import { failedBelow } from './failure.ts';
import type { ObjectName, RunObject } from './objects.ts';

/**
 * A child as its parent sees it. Children are workflow runs. The event run that a fan-out step creates is no child of the step's run but
 * transparent: the summaries of a workflow run are the sums of its event runs' (`addSummaries`, `addTreeSummaries`), and what an event run
 * sums up are the workflow runs that it started.
 */
export interface ChildState {
  readonly identity: ObjectName;
  /** owner/repo; the name of its TakoRepository until the run itself says more. */
  readonly repository: string;
  readonly workflow: string;
  /** Absent before the operator saw it. */
  readonly phase: Phase | undefined;
  readonly runId?: string | undefined;
  readonly errorType?: ErrorType | undefined;
  readonly message?: string | undefined;
  /** RFC 3339. */
  readonly startTime?: string | undefined;
  /** RFC 3339. */
  readonly completionTime?: string | undefined;
  /** Pods so far. */
  readonly attempts?: number | undefined;
  readonly treeSummary?: TreeSummary | undefined;
  /** Whether it ended without success because of what is below it: then `errorsBelow` tells it. */
  readonly failedBelow?: boolean | undefined;
  /** What went wrong below it: its `status.detailedErrors`, and how many are not listed there. */
  readonly errorsBelow?: { readonly errors: readonly DetailedError[]; readonly omitted: number } | undefined;
}

/** Reads a child run. */
export function childState(run: RunObject): ChildState {
  const { metadata, spec, status } = run;
  return {
    identity: { namespace: metadata.namespace ?? '', name: metadata.name ?? '' },
    repository: status?.repository ?? spec.workflow?.repositoryRef.name ?? '',
    workflow: spec.workflow?.name ?? '',
    phase: status?.phase,
    runId: status?.runId,
    errorType: status?.errorType,
    message: status?.message,
    startTime: status?.startTime,
    completionTime: status?.completionTime,
    attempts: status?.attempts?.at(-1)?.number,
    treeSummary: status?.treeSummary,
    failedBelow: failedBelow(run),
    errorsBelow: { errors: status?.detailedErrors ?? [], omitted: status?.detailedErrorsOmitted ?? 0 },
  };
}

/** The part of a child that is counted. */
export type Counted = Pick<ChildState, 'phase' | 'treeSummary'>;

export type SummaryState = Exclude<keyof ChildrenSummary, 'total'>;

/** Where a run of this phase is counted. Each phase has one place, so that the six always sum to total. */
export function summaryState(phase: Phase | undefined): SummaryState {
  switch (phase) {
    case undefined:
    case 'Pending':
    case 'Queued':
      return 'pending';
    case 'Running':
    case 'Waiting':
      return 'running';
    case 'Succeeded':
      return 'completed';
    case 'Failed':
      return 'failed';
    case 'TimedOut':
      return 'timedOut';
    case 'Canceled':
      return 'canceled';
  }
}

export function emptySummary(): ChildrenSummary {
  return { total: 0, completed: 0, failed: 0, timedOut: 0, canceled: 0, running: 0, pending: 0 };
}

/**
 * The children by state. `expected` is how many were created: those that are not there any more count as canceled.
 */
export function summarise(children: Iterable<Pick<Counted, 'phase'>>, expected = 0): ChildrenSummary {
  const summary = emptySummary();
  for (const { phase } of children) {
    summary.total += 1;
    summary[summaryState(phase)] += 1;
  }
  return withMissing(summary, expected);
}

/** Adds children that disappeared, so that `expected` are accounted for. */
export function withMissing(summary: ChildrenSummary, expected: number): ChildrenSummary {
  const missing = Math.max(0, expected - summary.total);
  return { ...summary, total: summary.total + missing, canceled: summary.canceled + missing };
}

/** All descendants of an event run: its children and what is below each. `expected` as in `summarise`. */
export function treeSummary(children: Iterable<Counted>, expected = 0): TreeSummary {
  const below: TreeSummary[] = [];
  const own: Counted[] = [];
  for (const child of children) {
    own.push(child);
    if (child.treeSummary !== undefined) below.push(child.treeSummary);
  }
  return nest(summarise(own, expected), addTreeSummaries(...below));
}

/** A level of children on top of what is below them. */
export function nest(children: ChildrenSummary, below: TreeSummary): TreeSummary {
  const depth = children.total === 0 ? 0 : below.depth + 1;
  return { ...addSummaries(children, below), depth };
}

/** The children of a workflow run, over all its event runs. */
export function addSummaries(...summaries: readonly ChildrenSummary[]): ChildrenSummary {
  const sum = emptySummary();
  for (const summary of summaries) {
    for (const state of Object.keys(sum) as (keyof ChildrenSummary)[]) sum[state] += summary[state];
  }
  return sum;
}

/** The descendants of a workflow run, over all its event runs; they stand beside each other, so the depth is that of the deepest. */
export function addTreeSummaries(...summaries: readonly TreeSummary[]): TreeSummary {
  return { ...addSummaries(...summaries), depth: Math.max(0, ...summaries.map(summary => summary.depth)) };
}

/** How many will not change any more. */
export function finishedCount(summary: ChildrenSummary): number {
  return summary.completed + summary.failed + summary.timedOut + summary.canceled;
}

/** How many are still to end. */
export function unfinishedCount(summary: ChildrenSummary): number {
  return summary.running + summary.pending;
}

/** Finished and all, for `kubectl get`: `3/5`. */
export function childrenText(summary: ChildrenSummary): string {
  return `${finishedCount(summary)}/${summary.total}`;
}
