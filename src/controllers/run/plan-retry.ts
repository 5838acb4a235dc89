import { createHash } from 'node:crypto';
import type { Attempt, ErrorType } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import { countedFrom } from '../../fanout/deadline.ts';
import { decideRetry, type RetryPolicy, retryDelayMs, retryPolicy } from '../../fanout/retry-policy.ts';
import type { Action, Decision } from './decision.ts';
import type { LiveRun, ObservedPod } from './observed.ts';
import { releaseActions } from './plan-finished.ts';
import { isOver } from './pod-state.ts';
import { heldPod, stopPod } from './retention.ts';
import type { StatusBody } from './status.ts';
import { deadlineOf, startOf, type WorkflowObservation } from './workflow-observation.ts';
import { closeAttempt, end, hold } from './workflow-status.ts';

/** Why the Pod of a run ended without success. */
export interface Failure {
  readonly errorType: ErrorType;
  /** CamelCase. */
  readonly reason: string;
  /** For a user. */
  readonly message: string;
}

/**
 * The last attempt has failed: it is followed by another one, or the run ends.
 *
 * What is left of its Pod is deleted only once the status says how it ended: a deleted Pod tells no cause any more.
 *
 * @param changes with the attempt in it, when the status does not have it yet
 */
export function failAttempt(
  observation: WorkflowObservation,
  failure: Failure,
  changes: Partial<StatusBody> = {},
): Decision {
  const retried = retryAttempt(observation, failure, changes);
  if (retried !== undefined) return retried;
  const { errorType, reason, message } = failure;
  return end(observation, 'Failed', errorType, reason, message, changes);
}

/** Closes the attempt and waits for the next one; undefined when none is to follow. */
export function retryAttempt(
  observation: WorkflowObservation,
  { errorType, reason, message }: Failure,
  changes: Partial<StatusBody> = {},
): Decision | undefined {
  const { run, now, lineage } = observation;
  if (run.spec.cancel === true || lineage !== 'live') return undefined;
  const attempts = closeAttempt(changes.attempts ?? run.status?.attempts ?? [], now, reason, message);
  const last = attempts.at(-1);
  if (last === undefined) return undefined;
  const policy = policyOf(observation);
  const decision = decideRetry({
    failure: { errorType, reason },
    attempts: sinceRetry(run, last),
    policy,
    endedMs: endOf(last),
    deadlineMs: deadlineOf(observation, startOf(observation)),
    random: jitterOf(observation, last),
  });
  if (!decision.retry) return undefined;
  const told = backoffMessage(run, last, policy, decision.dueMs);
  return {
    ...hold(observation, 'Pending', 'RetryBackoff', told, false, { ...changes, attempts }),
    after: clearing(observation.pods),
    events: [{ type: 'Warning', reason: 'RetryBackoff', message: told }],
    requeueAfterMs: Math.max(0, decision.dueMs - now),
  };
}

/** What a run waits for before its next attempt; undefined when that may start, or there was none yet. */
export function planBackoff(observation: WorkflowObservation): Decision | undefined {
  const { run, now, pods } = observation;
  const last = run.status?.attempts?.at(-1);
  const dueMs = retryDueMs(observation);
  if (last === undefined || dueMs === undefined) return undefined;
  if (now < dueMs) {
    const message = backoffMessage(run, last, policyOf(observation), dueMs);
    return {
      ...hold(observation, 'Pending', 'RetryBackoff', message),
      after: clearing(pods),
      requeueAfterMs: dueMs - now,
    };
  }
  const left = pods.find(pod => !isOver(pod));
  if (left === undefined) return undefined;
  const message = `attempt ${last.number + 1} waits until Pod ${left.metadata.name} of an earlier one has ended: is its node lost? Then delete the Node, or mark it with the taint node.kubernetes.io/out-of-service`;
  return {
    ...hold(observation, 'Pending', 'PodTerminating', message, true),
    after: clearing(pods),
    requeueAfterMs: Math.max(1_000, deadlineOf(observation, startOf(observation)) - now),
  };
}

/** When the next attempt may start, milliseconds since the epoch; undefined before the first one has ended. */
export function retryDueMs(observation: WorkflowObservation): number | undefined {
  const last = observation.run.status?.attempts?.at(-1);
  if (last?.completionTime === undefined) return undefined;
  const attempts = sinceRetry(observation.run, last);
  if (attempts === 0) return countedFrom(observation.run);
  return endOf(last) + retryDelayMs(policyOf(observation), attempts, jitterOf(observation, last));
}

/** How many attempts there were since the run was retried as a whole, which starts the count anew. */
function sinceRetry({ status }: LiveRun, { number }: Attempt): number {
  return Math.max(0, number - (status?.retry?.attempts ?? 0));
}

function policyOf({ run, repository }: WorkflowObservation): RetryPolicy {
  return retryPolicy(run.spec.retry, repository?.spec.runTemplate?.retry);
}

/** A time of a status has no fraction of a second: the end of that second, so that no wait is shorter than it should be. */
function endOf({ completionTime }: Attempt): number {
  return Date.parse(completionTime ?? '') + 999;
}

/** From 0 to 1, and the same whenever and by whichever replica it is asked for, so that the wait need not be stored. */
function jitterOf({ run }: WorkflowObservation, { number }: Attempt): number {
  const hash = createHash('sha256').update(`${run.metadata.uid} ${number}`).digest();
  return hash.readUInt32BE() / 0xffff_ffff;
}

function backoffMessage(run: LiveRun, last: Attempt, { limit }: RetryPolicy, dueMs: number): string {
  const { number, reason, message } = last;
  const highest = number - sinceRetry(run, last) + limit + 1;
  return `attempt ${number} of ${highest} ended (${reason}): ${message}; the next one may start at ${toTimestamp(dueMs)}`;
}

/**
 * Ends what is left of the Pods of earlier attempts, and lets go of those that have ended. A Pod with a claim is deleted at once, the others
 * stay for `kubectl logs` until the run has ended.
 */
function clearing(pods: readonly ObservedPod[]): Action[] {
  const useless = pods.filter(pod => pod.claimed || !isOver(pod));
  return [...useless.flatMap(ending), ...releaseActions(pods.filter(isOver))];
}

function ending(pod: ObservedPod): Action[] {
  const { name, uid, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) return [];
  return [!pod.claimed && heldPod(pod) !== undefined ? stopPod(pod) : { kind: 'deletePod', name, uid }];
}
