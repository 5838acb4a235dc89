import type { AgentResult } from '../../agent/contract.ts';
import type { ContainerProblem } from './container-problem.ts';
import type { Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { ObservedPod } from './observed.ts';
import { failureOf, planCompletion } from './plan-completion.ts';
import { failAttempt, retryAttempt } from './plan-retry.ts';
import { disruption, isBeingEnded, type PodState } from './pod-state.ts';
import { parseResult } from './result.ts';
import type { WorkflowObservation } from './workflow-observation.ts';
import { end, reasonWord, recordAttempt, resultStatus, timedOut } from './workflow-status.ts';

/** How long to wait for the kubelet to say why a container died, after the agent has ended, milliseconds: a few of its relists. */
const CAUSE_WAIT_MS = 5_000;

/** The agent's container has ended: what it says is the run's result. */
export function planResult(
  observation: WorkflowObservation,
  pod: ObservedPod,
  state: Extract<PodState, { kind: 'finished' }>,
): Decision {
  const { run, now, stored } = observation;
  const attempt = recordAttempt(observation, pod);
  const result = parseResult(state.message);
  if (result === undefined) {
    if (run.spec.cancel === true)
      return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled', attempt);
    if (isBeingEnded(pod) && state.cause?.reason !== 'OOMKilled') {
      const { reason, message } = disruption(pod);
      if (reason === 'DeadlineExceeded') return timedOut(observation, pod);
      return failAttempt(observation, { errorType: 'execution_failed', reason: reasonWord(reason), message }, attempt);
    }
    const code = `exit code ${state.exitCode}${state.reason === '' ? '' : `, ${state.reason}`}`;
    const message = `the agent ended without a result: ${state.cause?.message ?? `${code}; its log may say why`}`;
    const reason = state.cause?.reason === 'OOMKilled' ? 'OOMKilled' : 'AgentFailed';
    return failAttempt(observation, { errorType: 'execution_failed', reason, message }, attempt);
  }
  const body = result.ref !== undefined && typeof stored === 'object' ? stored : result;
  const mayBeExplained = isUnexplained(result) || (wasKilled(body) && result.held === undefined);
  if (mayBeExplained && state.cause === undefined && !state.settled && now < state.finishedMs + CAUSE_WAIT_MS) {
    return { ...NOTHING, requeueAfterMs: state.finishedMs + CAUSE_WAIT_MS - now };
  }
  if (result.ref !== undefined && stored === 'missing') {
    const message = `the ConfigMap ${result.ref.name} with the result is missing or does not match its digest`;
    return end(observation, 'Failed', 'execution_failed', 'ResultLost', message, attempt);
  }
  const verdict = stoppedByOthers(explained(result, state.cause), observation, pod);
  const retried = verdict.state === 'failed' ? retryAttempt(observation, failureOf(verdict), attempt) : undefined;
  if (retried !== undefined) return retried;
  return planCompletion(observation, verdict, { ...attempt, ...resultStatus(body, result.ref) });
}

/** The agent saw a container die, or not come up, and cannot know why. */
function isUnexplained({ reason }: AgentResult): boolean {
  return reason === 'StepContainerDied' || reason === 'StepContainerNotStarted';
}

/**
 * A step got SIGKILL, perhaps for its memory. Of a container whose main process lives on only the kubelet knows, when that container has ended too,
 * and it may report the agent's end before.
 */
function wasKilled({ steps }: Pick<AgentResult, 'steps'>): boolean {
  return steps.some(({ phase, exitCode }) => phase === 'Failed' && exitCode === 137);
}

/** What the kubelet knows better: a killed step looks like any other that ended. */
function explained(result: AgentResult, cause: ContainerProblem | undefined): AgentResult {
  if (result.state === 'succeeded' || cause === undefined) return result;
  if (cause.reason !== 'OOMKilled' && !isUnexplained(result)) return result;
  const message = `${result.message ?? 'a step failed'}: ${cause.message}`;
  return { ...result, reason: reasonWord(cause.reason), message };
}

/** What an agent says whose Pod is ended around it: a container was told before it, or there was no time to hand the result over. */
const CUT_SHORT = new Set(['StepContainerDied', 'ResultsUndelivered']);

/**
 * An agent that was told to stop reports a cancel, or a container that died when that one was told first: the kubelet tells all of them at
 * once. Without `spec.cancel` it was not the user who ended the Pod.
 */
function stoppedByOthers(result: AgentResult, { run }: WorkflowObservation, pod: ObservedPod): AgentResult {
  const wasTold =
    result.errorType === 'canceled' ||
    (result.reason !== undefined && CUT_SHORT.has(result.reason) && isBeingEnded(pod));
  if (!wasTold || run.spec.cancel === true) return result;
  const { reason, message } = disruption(pod);
  if (reason === 'DeadlineExceeded') return { ...result, errorType: 'timeout', reason, message };
  return { ...result, errorType: 'execution_failed', reason: reasonWord(reason), message };
}
