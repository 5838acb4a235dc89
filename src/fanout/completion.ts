import {
  type ChildrenSummary,
  type DetailedError,
  type ErrorType,
  isTerminal,
  type Phase,
} from '../api/takorun-status.ts';
import type { SharedRuns } from './shared.ts';
import { emptySummary, unfinishedCount } from './summary.ts';

/** Where a run stands, and what its controller has to do about it. */
export type Completion =
  /** Nothing to do: it goes on. */
  | { readonly state: 'running'; readonly phase: 'Pending' | 'Running' | 'Waiting' }
  /** End what runs below it (Pod, children) and come back when that has ended; until then the run itself has not. */
  | {
      readonly state: 'stopping';
      readonly phase: 'Running' | 'Waiting';
      readonly cause: StopCause;
      readonly message: string;
    }
  | Ended;

type StopCause = 'Cancel' | 'Timeout';

/** How a run ended: fields of TakoRun's status, `reason` for its conditions and events. */
export interface Ended {
  readonly state: 'ended';
  readonly phase: 'Succeeded' | 'Failed' | 'TimedOut' | 'Canceled';
  readonly errorType?: ErrorType;
  readonly reason: string;
  readonly message: string;
  /** Whether the run's own time limit ended it. */
  readonly timeoutExceeded: boolean;
}

/** What can end any run from outside. */
interface Limits {
  /** `spec.cancel` of the run or of one above it. */
  readonly cancel: boolean;
  /** Milliseconds since the epoch. */
  readonly deadlineMs?: number | undefined;
  readonly now: number;
}

export interface EventRunState extends Limits {
  readonly type: string;
  readonly source: string;
  readonly waitForChildren: boolean;
  /** `status.fanOut.expanded`: all children exist. */
  readonly expanded: boolean;
  /** `status.fanOut.skippedCount`. */
  readonly skippedCount?: number | undefined;
  /** Of its children, those that disappeared counted as canceled. */
  readonly summary: ChildrenSummary;
  /** Of its children, the first first. */
  readonly errors: readonly DetailedError[];
  /** Runs that it waits for besides its children; it does not stop them. */
  readonly shared?: SharedRuns | undefined;
}

/**
 * When and how an event run ends. With `waitForChildren` it ends when and only when all its children have: a time limit or a cancel stops the
 * children first. Without, it ends as soon as they exist.
 *
 * Shared runs are waited for like children, but they are another event's: a time limit or a cancel ends the waiting, not them.
 */
export function eventCompletion(run: EventRunState): Completion {
  const { expanded, waitForChildren, summary, shared = NO_SHARED } = run;
  const open = unfinishedCount(summary);
  const openShared = unfinishedCount(shared.summary);
  const phase = expanded ? 'Waiting' : 'Running';
  if (run.cancel) return open > 0 ? { state: 'stopping', phase, cause: 'Cancel', message: CANCELED } : canceled();
  if (expanded && !waitForChildren) return succeeded('EventEmitted', emittedMessage(run));
  if (isOverdue(run) && (open > 0 || !expanded))
    return open > 0 ? stoppingOnTimeout(phase, open) : timedOut(expandingLate);
  if (isOverdue(run) && openShared > 0)
    return timedOut(
      `the time limit passed, ${sharedCount(openShared)} started still ${openShared === 1 ? 'runs' : 'run'}`,
    );
  if (open > 0 || openShared > 0 || !expanded) return { state: 'running', phase };
  if (summary.total + shared.summary.total === 0) return succeeded('NoSubscribers', emittedMessage(run));
  if (hasSucceeded(summary) && hasSucceeded(shared.summary))
    return succeeded('ChildrenSucceeded', successMessage(summary, shared));
  const message = failureMessage(summary, run.errors, shared);
  if (isOverdue(run) && summary.timedOut + shared.summary.timedOut > 0) return timedOut(message);
  return failed('workflow_failed', 'ChildrenFailed', message);
}

const NO_SHARED: SharedRuns = { summary: emptySummary(), errors: [] };

function hasSucceeded({ completed, total }: ChildrenSummary): boolean {
  return completed === total;
}

/** What is known of the Pod of a workflow run. */
export type PodOutcome =
  | { readonly state: 'none' }
  | { readonly state: 'active' }
  | {
      readonly state: 'succeeded';
      /** Steps whose event runs the run waits for: the fan-outs in last position. */
      readonly waitFor?: readonly string[] | undefined;
    }
  | { readonly state: 'failed'; readonly errorType: ErrorType; readonly reason: string; readonly message: string };

/** The event run of a fan-out step. */
export interface FanOutOutcome {
  readonly phase: Phase | undefined;
  readonly errorType?: ErrorType | undefined;
  readonly message?: string | undefined;
}

export interface WorkflowRunState extends Limits {
  readonly pod: PodOutcome;
  /** All event runs of the run by their step. */
  readonly fanOuts: ReadonlyMap<string, FanOutOutcome>;
}

/**
 * When and how a workflow run ends: with its Pod, or, for fan-outs in last position, with the event runs that the agent left to wait for. A
 * run that has no Pod yet is `Pending`; whether that is for want of a turn (`Queued`) its controller knows.
 */
export function workflowCompletion(run: WorkflowRunState): Completion {
  const { pod } = run;
  const awaited = pod.state === 'succeeded' ? awaitedFanOuts(pod.waitFor ?? [], run.fanOuts) : [];
  const open = awaited.filter(fanOut => !isTerminal(fanOut.phase)).length;
  const phase = pod.state === 'active' ? 'Running' : 'Waiting';
  if (run.cancel) {
    const below = [...run.fanOuts.values()].some(fanOut => !isTerminal(fanOut.phase));
    return pod.state === 'active' || below
      ? { state: 'stopping', phase, cause: 'Cancel', message: CANCELED }
      : canceled();
  }
  switch (pod.state) {
    case 'none':
      return isOverdue(run)
        ? timedOut('the time limit passed before the run started')
        : { state: 'running', phase: 'Pending' };
    case 'active':
      return isOverdue(run) ? stoppingOnTimeout(phase, 0) : { state: 'running', phase };
    case 'failed':
      return podFailed(pod);
    case 'succeeded':
      if (open === 0) return fanOutsEnded(awaited, isOverdue(run));
      return isOverdue(run) ? stoppingOnTimeout(phase, open) : { state: 'running', phase };
  }
}

/** The end of a run that could not be executed: what is wrong is not what its steps did. */
export function executionFailed(reason: string, message: string): Ended {
  return failed('execution_failed', reason, message);
}

interface AwaitedFanOut extends FanOutOutcome {
  readonly step: string;
}

function awaitedFanOuts(steps: readonly string[], fanOuts: ReadonlyMap<string, FanOutOutcome>): AwaitedFanOut[] {
  return steps.map(step => ({ ...(fanOuts.get(step) ?? DISAPPEARED), step }));
}

const DISAPPEARED: FanOutOutcome = { phase: 'Canceled', errorType: 'canceled', message: 'its run was deleted' };

function fanOutsEnded(awaited: readonly AwaitedFanOut[], overdue: boolean): Ended {
  const bad = awaited.filter(fanOut => fanOut.phase !== 'Succeeded');
  const [first] = bad;
  if (first === undefined)
    return succeeded('Succeeded', awaited.length === 0 ? 'all steps ended' : 'all steps and children ended');
  const more = bad.length > 1 ? `; and ${bad.length - 1} more fan-outs` : '';
  const message = `fan-out ${first.step}: ${first.message ?? `ended as ${first.phase}`}${more}`;
  if (overdue && bad.some(fanOut => fanOut.phase === 'TimedOut')) return timedOut(message);
  const unexecuted = bad.some(fanOut => fanOut.errorType === 'execution_failed');
  if (unexecuted) return failed('execution_failed', 'FanOutFailed', message);
  if (bad.every(fanOut => fanOut.phase === 'TimedOut')) return failed('timeout', 'FanOutTimedOut', message);
  return failed('workflow_failed', 'ChildrenFailed', message);
}

function podFailed(pod: Extract<PodOutcome, { state: 'failed' }>): Ended {
  const { errorType, reason, message } = pod;
  switch (errorType) {
    case 'timeout':
      return { state: 'ended', phase: 'TimedOut', errorType, reason, message, timeoutExceeded: true };
    case 'canceled':
      return { state: 'ended', phase: 'Canceled', errorType, reason, message, timeoutExceeded: false };
    case 'execution_failed':
    case 'workflow_failed':
    case 'circuit_breaker':
      return failed(errorType, reason, message);
  }
}

const CANCELED = 'canceled by spec.cancel';
const expandingLate = 'the time limit passed before all children existed';

function isOverdue({ deadlineMs, now }: Limits): boolean {
  return deadlineMs !== undefined && now >= deadlineMs;
}

function stoppingOnTimeout(phase: 'Running' | 'Waiting', open: number): Completion {
  const left = open > 0 ? `, ${open} below still run` : '';
  return { state: 'stopping', phase, cause: 'Timeout', message: `the time limit passed${left}` };
}

function succeeded(reason: string, message: string): Ended {
  return { state: 'ended', phase: 'Succeeded', reason, message, timeoutExceeded: false };
}

function failed(errorType: ErrorType, reason: string, message: string): Ended {
  return { state: 'ended', phase: 'Failed', errorType, reason, message, timeoutExceeded: false };
}

function timedOut(message: string): Ended {
  return {
    state: 'ended',
    phase: 'TimedOut',
    errorType: 'timeout',
    reason: 'DeadlineExceeded',
    message,
    timeoutExceeded: true,
  };
}

function canceled(): Ended {
  return {
    state: 'ended',
    phase: 'Canceled',
    errorType: 'canceled',
    reason: 'Canceled',
    message: CANCELED,
    timeoutExceeded: false,
  };
}

function emittedMessage(run: EventRunState): string {
  const { type, source, summary, skippedCount = 0 } = run;
  if (summary.total > 0) return `${type} of ${source} started ${childCount(summary)}`;
  if (run.shared !== undefined && run.shared.summary.total > 0)
    return `${type} of ${source} started nothing that another event of the tree had not started`;
  if (skippedCount === 0) return `no repository listens to ${type} of ${source}`;
  return `${type} of ${source} started nothing: ${skippedCount === 1 ? 'the one subscription to it did not match' : `none of ${skippedCount} subscriptions matched`}, see status.fanOut.skipped`;
}

function successMessage(summary: ChildrenSummary, shared: SharedRuns): string {
  const others = shared.summary.total;
  const all = summary.total === 1 ? 'the one child' : `all ${childCount(summary)}`;
  if (others === 0) return `${all} succeeded`;
  const own = summary.total === 0 ? '' : `${all} succeeded, and so did `;
  return `${own}${sharedCount(others)} started${summary.total === 0 ? ' succeeded' : ''}`;
}

/** `1 of 2 children failed: acme/app-two ci: step test ended with exit code 1`. */
function failureMessage(summary: ChildrenSummary, errors: readonly DetailedError[], shared: SharedRuns): string {
  const others = `${sharedCount(shared.summary.total)} started`;
  return [badEnds(summary, childCount(summary), errors), badEnds(shared.summary, others, shared.errors)]
    .filter(text => text !== '')
    .join('; ');
}

function badEnds(summary: ChildrenSummary, what: string, errors: readonly DetailedError[]): string {
  const { failed: failures, timedOut: late, canceled: stopped } = summary;
  const parts = [
    [failures, 'failed'],
    [late, 'timed out'],
    [stopped, stopped === 1 ? 'was canceled' : 'were canceled'],
  ] as const;
  const [head, ...tail] = parts.filter(([count]) => count > 0);
  const rest = tail.map(([count, verb]) => `, ${count} ${verb}`).join('');
  if (head === undefined) return '';
  const counts = `${head[0]} of ${what} ${head[1]}${rest}`;
  const [first] = errors;
  return first === undefined ? counts : `${counts}: ${first.repository} ${first.workflow}: ${first.errorMessage}`;
}

/** `2 runs that another event of the tree`: the verb follows. */
function sharedCount(total: number): string {
  return `${total === 1 ? '1 run' : `${total} runs`} that another event of the tree`;
}

function childCount({ total }: ChildrenSummary): string {
  return total === 1 ? '1 child' : `${total} children`;
}
