import type { AgentResult } from '../../agent/contract.ts';
import type { Decision } from './decision.ts';
import type { ObservedPod } from './observed.ts';
import { planCompletion } from './plan-completion.ts';
import type { ContainerProblem, PodState } from './pod-state.ts';
import { parseResult } from './result.ts';
import type { WorkflowObservation } from './workflow-observation.ts';
import { end, recordAttempt, resultStatus } from './workflow-status.ts';

/** The agent's container has ended: what it says is the run's result. */
export function planResult(
  observation: WorkflowObservation,
  pod: ObservedPod,
  state: Extract<PodState, { kind: 'finished' }>,
): Decision {
  const attempt = recordAttempt(observation, pod);
  const result = parseResult(state.message);
  if (result === undefined) {
    if (observation.run.spec.cancel === true)
      return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled', attempt);
    const cause =
      state.problem?.message ?? `exit code ${state.exitCode}${state.reason === '' ? '' : `, ${state.reason}`}`;
    return end(
      observation,
      'Failed',
      'execution_failed',
      'AgentFailed',
      `the agent ended without a result: ${cause}`,
      attempt,
    );
  }
  if (result.ref !== undefined && observation.stored === 'missing') {
    const message = `the ConfigMap ${result.ref.name} with the result is missing or does not match its digest`;
    return end(observation, 'Failed', 'execution_failed', 'ResultLost', message, attempt);
  }
  const body = result.ref !== undefined && typeof observation.stored === 'object' ? observation.stored : result;
  return planCompletion(observation, explained(result, state.problem), {
    ...attempt,
    ...resultStatus(body, result.ref),
  });
}

/** A killed step looks like exit code 137; the kubelet knows that it was the memory limit. */
function explained(result: AgentResult, problem: ContainerProblem | undefined): AgentResult {
  if (result.state === 'succeeded' || problem?.reason !== 'OOMKilled') return result;
  return { ...result, reason: 'OOMKilled', message: `${result.message ?? 'a step failed'} (${problem.message})` };
}
