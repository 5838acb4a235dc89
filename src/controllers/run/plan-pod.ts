import { ANNOTATIONS } from '../../api/meta.ts';
import { CACHE_CLAIM } from '../cache/claim.ts';
import type { ContainerProblem } from './container-problem.ts';
import type { Action, Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { ObservedPod } from './observed.ts';
import { planResult } from './plan-result.ts';
import { type Failure, failAttempt } from './plan-retry.ts';
import { disruption, isOnNode, podState } from './pod-state.ts';
import type { StatusBody } from './status.ts';
import {
  currentPhase,
  deadlineOf,
  QUIET_RUN_MS,
  QUIET_START_MS,
  startOf,
  type WorkflowObservation,
} from './workflow-observation.ts';
import { end, hold, reasonWord, recordAttempt, timedOut } from './workflow-status.ts';

/** What an agent gets beyond the deadline to report by itself, milliseconds. */
const DEADLINE_BACKSTOP_MS = 45_000;

/** Reason of an attempt whose Pod did not start with the cache; the next one goes without. */
export const CACHE_NOT_MOUNTED = 'CacheNotMounted';

/** A run with a Pod: how it stands. */
export function planPod(observation: WorkflowObservation, pod: ObservedPod): Decision {
  const state = podState(pod);
  const { run, now, options } = observation;
  const attempt = recordAttempt(observation, pod);

  if (state.kind === 'finished') return planResult(observation, pod, state);
  if (state.kind === 'lost') {
    if (run.spec.cancel === true) return canceled(observation, attempt);
    if (state.reason === 'DeadlineExceeded') return timedOut(observation, pod);
    return failAttempt(observation, executionFailure(state.reason, state.message), attempt);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    // A Pod that never came to a node has nobody who could still report.
    const gone = Date.parse(pod.metadata.deletionTimestamp) + (isOnNode(pod) ? options.gracePeriodMs : 0);
    if (now < gone) return { ...NOTHING, requeueAfterMs: gone - now };
    if (run.spec.cancel === true) return canceled(observation, attempt);
    const { reason, message } = disruption(pod);
    if (reason === 'DeadlineExceeded') return timedOut(observation, pod);
    return failAttempt(observation, executionFailure(reason, message), attempt);
  }
  if (run.spec.cancel === true) {
    return {
      ...hold(observation, currentPhase(run), 'Canceling', 'the run is being canceled', false, attempt),
      before: [remove(pod)],
    };
  }
  const created = Date.parse(pod.metadata.creationTimestamp);
  const backstop = deadlineOf(observation, startOf(observation)) + DEADLINE_BACKSTOP_MS - now;
  if (backstop <= 0) return removed(timedOut(observation, pod), pod);

  const startLeft = created + options.startTimeoutMs - now;
  const isFresh = now - created < QUIET_START_MS;
  if (state.problem !== undefined) {
    if (isFresh && !state.problem.fatal) return { ...NOTHING, requeueAfterMs: created + QUIET_START_MS - now };
    const decision = planProblem(observation, pod, state.problem, startLeft, attempt);
    return { ...decision, requeueAfterMs: decision.requeueAfterMs && Math.min(decision.requeueAfterMs, backstop) };
  }
  if (state.kind === 'running') {
    const quietMs = quietUntil(pod, state.startedMs) - now;
    if (quietMs > 0) return { ...NOTHING, requeueAfterMs: Math.min(quietMs, backstop) };
    return {
      ...hold(observation, 'Running', 'Running', 'the steps are running', false, attempt),
      requeueAfterMs: backstop,
    };
  }
  if (isFresh) return { ...NOTHING, requeueAfterMs: created + QUIET_START_MS - now };
  if (startLeft <= 0) {
    const message = `the Pod did not start in time and the node does not say why: look at its events (kubectl -n ${pod.metadata.namespace} get events --field-selector involvedObject.name=${pod.metadata.name})`;
    return removed(failStart(observation, pod, executionFailure('PodNotStarted', message), attempt), pod);
  }
  return {
    ...hold(observation, 'Pending', 'PodStarting', 'the Pod is starting', false, attempt),
    requeueAfterMs: Math.min(startLeft, backstop),
  };
}

/**
 * Until when the status keeps silent about a Pod that runs, milliseconds since the epoch: a short run is over before, and saves a write. Where
 * the agent may call the gateway it is told at once, for the gateway knows a Pod by the attempt in the status.
 */
function quietUntil(pod: ObservedPod, startedMs: number): number {
  const mayCall = pod.cached || pod.metadata.annotations?.[ANNOTATIONS.onlyScripts] !== 'true';
  if (mayCall) return startedMs;
  // The second bound does not rest on the node's clock.
  return Math.min(startedMs + QUIET_RUN_MS, Date.parse(pod.metadata.creationTimestamp) + QUIET_START_MS + QUIET_RUN_MS);
}

/** A container that cannot start: at once when waiting cannot help, else after the time that an administrator allows. */
function planProblem(
  observation: WorkflowObservation,
  pod: ObservedPod,
  problem: ContainerProblem,
  startLeft: number,
  attempt: Partial<StatusBody>,
): Decision {
  const reason = reasonWord(problem.reason);
  if (!problem.fatal && startLeft > 0) {
    // The kubelet words one problem in several ways; the first is kept, for each other one would be a status and an event.
    const before = observation.run.status?.conditions?.find(condition => condition.type === 'Ready');
    const message = before?.reason === reason ? before.message : problem.message;
    return { ...hold(observation, 'Pending', reason, message, true, attempt), requeueAfterMs: startLeft };
  }
  return removed(failStart(observation, pod, executionFailure(reason, problem.message), attempt), pod);
}

/**
 * Whether a Pod may not have started for want of a volume: no node takes it, and the scheduler speaks of volumes, as it does of claims that are not
 * bound or not there and of nodes that cannot have them; or a node does not begin any of its containers and does not say why.
 */
function mayMissVolume({ reason, message }: Failure): boolean {
  return reason === 'PodNotStarted' || (reason === 'Unschedulable' && /volume/i.test(message));
}

/** A Pod did not start. The cache is never a reason to fail: when it may have been the cause, the next Pod goes without. */
function failStart(
  observation: WorkflowObservation,
  pod: ObservedPod,
  failure: Failure,
  attempt: Partial<StatusBody>,
): Decision {
  if (!pod.cached || !mayMissVolume(failure)) return failAttempt(observation, failure, attempt);
  const { namespace, name } = pod.metadata;
  const message = `${failure.message}; it may have waited for the volume of the cache, without which it goes on: look at it (kubectl -n ${namespace} describe pvc ${CACHE_CLAIM})`;
  const decision = failAttempt(observation, executionFailure(CACHE_NOT_MOUNTED, message), attempt);
  const told = `Pod ${name} did not start in time, and others go without the cache for a while: ${failure.message}`;
  return { ...decision, after: [{ kind: 'avoidCache', message: told }, ...decision.after] };
}

/** The decision, and the Pod deleted once the status says what came of it: a deleted Pod tells no cause any more. */
function removed(decision: Decision, pod: ObservedPod): Decision {
  const isPlanned = decision.after.some(action => action.kind === 'deletePod' && action.uid === pod.metadata.uid);
  return isPlanned ? decision : { ...decision, after: [remove(pod), ...decision.after] };
}

function executionFailure(reason: string, message: string): Failure {
  return { errorType: 'execution_failed', reason: reasonWord(reason), message };
}

function canceled(observation: WorkflowObservation, attempt: Partial<StatusBody>): Decision {
  return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled', attempt);
}

function remove({ metadata }: ObservedPod): Action {
  return { kind: 'deletePod', name: metadata.name, uid: metadata.uid };
}
