import type { Action, Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { ObservedPod } from './observed.ts';
import { planResult } from './plan-result.ts';
import { type ContainerProblem, type PodState, podState } from './pod-state.ts';
import type { StatusBody } from './status.ts';
import { currentPhase, deadlineOf, QUIET_START_MS, type WorkflowObservation } from './workflow-observation.ts';
import { end, hold, reasonWord, recordAttempt, timedOut } from './workflow-status.ts';

/** What an agent gets beyond the deadline to report by itself, milliseconds. */
const DEADLINE_BACKSTOP_MS = 45_000;

/** A run with a Pod: how it stands. */
export function planPod(observation: WorkflowObservation, pod: ObservedPod): Decision {
  const state: PodState = podState(pod);
  const { run, now, options } = observation;
  const created = Date.parse(pod.metadata.creationTimestamp);
  const remove: Action = { kind: 'deletePod', name: pod.metadata.name, uid: pod.metadata.uid };
  const going = pod.metadata.deletionTimestamp !== undefined;
  const attempt = recordAttempt(observation, pod);

  if (state.kind === 'finished') return planResult(observation, pod, state);
  if (state.kind === 'lost') {
    if (run.spec.cancel === true)
      return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled', attempt);
    if (state.reason === 'DeadlineExceeded') return timedOut(observation, pod);
    return end(observation, 'Failed', 'execution_failed', reasonWord(state.reason), state.message, attempt);
  }
  if (going) {
    const gone = Date.parse(pod.metadata.deletionTimestamp!) + options.gracePeriodMs;
    if (now < gone) return { ...NOTHING, requeueAfterMs: gone - now };
    const [phase, type, message] =
      run.spec.cancel === true
        ? (['Canceled', 'canceled', 'the run was canceled'] as const)
        : (['Failed', 'execution_failed', 'the Pod of the run was deleted while it ran'] as const);
    return end(observation, phase, type, phase === 'Canceled' ? 'Canceled' : 'PodDeleted', message, attempt);
  }
  if (run.spec.cancel === true) {
    return {
      ...hold(observation, currentPhase(run), 'Canceling', 'the run is being canceled', false, attempt),
      before: [remove],
    };
  }
  const deadlineMs = deadlineOf(observation, created);
  if (now >= deadlineMs + DEADLINE_BACKSTOP_MS) return { ...timedOut(observation, pod), before: [remove] };

  const problem = state.problem?.reason === 'OOMKilled' ? undefined : state.problem;
  if (problem !== undefined) return planProblem(observation, pod, problem, attempt);
  const backstop = deadlineMs + DEADLINE_BACKSTOP_MS - now;
  if (state.kind === 'running') {
    return {
      ...hold(observation, 'Running', 'Running', 'the steps are running', false, attempt),
      requeueAfterMs: backstop,
    };
  }
  if (now - created < QUIET_START_MS) return { ...NOTHING, requeueAfterMs: QUIET_START_MS };
  if (now - created >= options.startTimeoutMs) {
    const message = 'the Pod did not start in time and the node does not say why: look at its events';
    return { ...end(observation, 'Failed', 'execution_failed', 'PodNotStarted', message, attempt), before: [remove] };
  }
  return {
    ...hold(observation, 'Pending', 'PodStarting', 'the Pod is starting', false, attempt),
    requeueAfterMs: options.startTimeoutMs - (now - created),
  };
}

/** A container that cannot start: at once when waiting cannot help, else after the time that an administrator allows. */
function planProblem(
  observation: WorkflowObservation,
  pod: ObservedPod,
  problem: ContainerProblem,
  attempt: Partial<StatusBody>,
): Decision {
  const { now, options } = observation;
  const left = Date.parse(pod.metadata.creationTimestamp) + options.startTimeoutMs - now;
  if (!problem.fatal && left > 0) {
    return {
      ...hold(observation, 'Pending', reasonWord(problem.reason), problem.message, true, attempt),
      requeueAfterMs: left,
    };
  }
  return {
    ...end(observation, 'Failed', 'execution_failed', reasonWord(problem.reason), problem.message, attempt),
    before: [{ kind: 'deletePod', name: pod.metadata.name, uid: pod.metadata.uid }],
  };
}
