import type { BreakerStatus } from '../api/takorepository.ts';
import { isTerminal } from '../api/takorun-status.ts';
import { toTimestamp } from '../api/timestamp.ts';
import type { RunObject } from './objects.ts';

/** When the breaker of a workflow opens and closes. */
export interface BreakerPolicy {
  /** Failures in a row that open it; 0: it never opens. */
  readonly failures: number;
  /** How long it stays open before runs are tried again, milliseconds. */
  readonly openMs: number;
  /** Runs at once while it is half-open, and successes that close it. */
  readonly trials: number;
}

export const DEFAULT_BREAKER_POLICY: BreakerPolicy = { failures: 5, openMs: 30_000, trials: 3 };

/**
 * The breaker of one workflow of one repository. It keeps a workflow that cannot be executed (an image that is gone, a Git server that
 * does not answer, a script that hangs until the time limit) from costing every event a Pod and the time to fail.
 *
 * `sinceMs` is when it came into its state, milliseconds since the epoch in whole seconds, as times of a status are; absent while it has
 * never been open.
 */
export type Breaker =
  | { readonly state: 'Closed'; readonly sinceMs?: number; readonly failures: number }
  | { readonly state: 'Open'; readonly sinceMs: number; readonly failures: number; readonly cause: string }
  | {
      readonly state: 'HalfOpen';
      readonly sinceMs: number;
      readonly failures: number;
      readonly cause: string;
      readonly successes: number;
    };

/** How a run ended, as far as it says whether its workflow can be executed. Times are milliseconds since the epoch. */
export interface BreakerOutcome {
  readonly kind: 'failed' | 'succeeded';
  readonly startedMs: number;
  readonly endedMs: number;
  /** Of a failure, for people. */
  readonly cause: string;
}

export const CLOSED: Breaker = { state: 'Closed', failures: 0 };

/** Longest cause of a breaker that a status keeps, characters. */
const MAX_CAUSE = 512;

/** What whoever started the run has to put right: it says nothing of the workflow. */
const CALLERS = new Set(['InvalidInputs', 'WorkflowNotFound', 'InvalidRef', 'RefNotFound', 'CommitNotFound']);

/**
 * Reads a run. Undefined when it says nothing of its workflow: it goes on, was canceled, a dry run, refused by a breaker, out of time before
 * it had a Pod (that is the queue's doing), or asked for what does not exist.
 *
 * `workflow_failed` is no failure here: the workflow could be executed, and a failed test is its result, which nobody wants to be kept
 * from seeing. Nor is a run whose own steps have all ended well, whatever became of its children: those have breakers of their own.
 */
export function breakerOutcome({
  metadata,
  status,
}: Pick<RunObject, 'metadata' | 'status'>): BreakerOutcome | undefined {
  if (status === undefined || !isTerminal(status.phase) || status.completionTime === undefined) return undefined;
  const reason = status.conditions?.find(condition => condition.type === 'Ready')?.reason ?? '';
  const hadPod = (status.attempts ?? []).length > 0;
  const { steps = [] } = status;
  const stepsEndedWell = steps.length > 0 && steps.every(({ phase }) => phase === 'Succeeded' || phase === 'Skipped');
  const endedMs = Date.parse(status.completionTime);
  const times = { startedMs: status.startTime === undefined ? endedMs : Date.parse(status.startTime), endedMs };
  const cause = `${metadata.name} ended (${reason}): ${status.message ?? ''}`;
  const succeeded: BreakerOutcome = { kind: 'succeeded', ...times, cause };
  const failed: BreakerOutcome = { kind: 'failed', ...times, cause };
  switch (status.errorType) {
    case undefined:
    case 'workflow_failed':
      return hadPod ? succeeded : undefined;
    case 'execution_failed':
      if (stepsEndedWell) return succeeded;
      return CALLERS.has(reason) ? undefined : failed;
    case 'timeout':
      if (!hadPod) return undefined;
      return stepsEndedWell ? succeeded : failed;
    case 'canceled':
    case 'circuit_breaker':
      return undefined;
  }
}

/** The breaker as it stands at a time: an open one becomes half-open. */
export function breakerAt(breaker: Breaker, now: number, { openMs }: BreakerPolicy): Breaker {
  if (breaker.state !== 'Open' || now < breaker.sinceMs + openMs) return breaker;
  const { failures, cause } = breaker;
  return { state: 'HalfOpen', sinceMs: breaker.sinceMs + openMs, failures, cause, successes: 0 };
}

/** The breaker after a run has ended. */
export function afterOutcome(before: Breaker, outcome: BreakerOutcome, policy: BreakerPolicy): Breaker {
  const breaker = breakerAt(before, outcome.endedMs, policy);
  const { kind, endedMs, cause } = outcome;
  switch (breaker.state) {
    case 'Closed': {
      if (kind === 'succeeded') return breaker.failures === 0 ? breaker : { ...breaker, failures: 0 };
      const failures = breaker.failures + 1;
      const opens = policy.failures > 0 && failures >= policy.failures;
      return opens ? { state: 'Open', sinceMs: endedMs, failures, cause: cut(cause) } : { ...breaker, failures };
    }
    case 'Open':
      return breaker;
    case 'HalfOpen': {
      if (!isTrial(outcome, breaker.sinceMs)) return breaker;
      if (kind === 'failed')
        return { state: 'Open', sinceMs: endedMs, failures: breaker.failures + 1, cause: cut(cause) };
      const successes = breaker.successes + 1;
      return successes < policy.trials ? { ...breaker, successes } : { state: 'Closed', sinceMs: endedMs, failures: 0 };
    }
  }
}

/** Whether a run started while the breaker was half-open. Its start is known to the second. */
export function isTrial({ startedMs }: Pick<BreakerOutcome, 'startedMs'>, halfOpenSinceMs: number): boolean {
  return startedMs + 999 >= halfOpenSinceMs;
}

/** Whether one more run may start. @param trials that run now */
export function admits(breaker: Breaker, trials: number, policy: BreakerPolicy): boolean {
  switch (breaker.state) {
    case 'Closed':
      return true;
    case 'Open':
      return false;
    case 'HalfOpen':
      return trials < policy.trials;
  }
}

/**
 * The breaker that a status and the runs say: what the operator knows after a restart, and what another replica knows. The status has the
 * last transition, the runs have what came after it; those in the same second are taken to have been before. Failures of a closed breaker
 * are forgotten with the runs that had them.
 */
export function restoreBreaker(
  recorded: BreakerStatus | undefined,
  outcomes: readonly BreakerOutcome[],
  policy: BreakerPolicy,
): Breaker {
  const start = recorded === undefined ? CLOSED : fromStatus(recorded);
  const since = start.sinceMs ?? Number.NEGATIVE_INFINITY;
  const later = outcomes.filter(({ endedMs }) => endedMs > since || (start.state === 'HalfOpen' && endedMs === since));
  return [...later]
    .sort((one, other) => one.endedMs - other.endedMs)
    .reduce((breaker, outcome) => afterOutcome(breaker, outcome, policy), start);
}

/** What a status says of a breaker; undefined while it has never been open. */
export function toStatus(workflow: string, breaker: Breaker, { openMs }: BreakerPolicy): BreakerStatus | undefined {
  if (breaker.sinceMs === undefined) return undefined;
  const shared = { workflow, state: breaker.state, lastTransitionTime: toTimestamp(breaker.sinceMs) };
  switch (breaker.state) {
    case 'Closed':
      return shared;
    case 'Open': {
      const { failures, cause, sinceMs } = breaker;
      return { ...shared, failures, message: cause, retryTime: toTimestamp(sinceMs + openMs) };
    }
    case 'HalfOpen':
      return { ...shared, failures: breaker.failures, message: breaker.cause };
  }
}

function fromStatus({ state, lastTransitionTime, failures = 0, message = '' }: BreakerStatus): Breaker {
  const sinceMs = Date.parse(lastTransitionTime);
  switch (state) {
    case 'Closed':
      return { state, sinceMs, failures: 0 };
    case 'Open':
      return { state, sinceMs, failures, cause: message };
    case 'HalfOpen':
      return { state, sinceMs, failures, cause: message, successes: 0 };
  }
}

function cut(text: string): string {
  return text.length <= MAX_CAUSE ? text.toWellFormed() : `${text.slice(0, MAX_CAUSE - 1).toWellFormed()}…`;
}
