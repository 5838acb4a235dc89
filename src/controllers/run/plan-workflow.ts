import { isTerminal } from '../../api/takorun.ts';
import type { Decision } from './decision.ts';
import { planWaiting } from './plan-completion.ts';
import { planFinished } from './plan-finished.ts';
import { planPod } from './plan-pod.ts';
import { planStart } from './plan-start.ts';
import { attemptOf, type WorkflowObservation } from './workflow-observation.ts';
import { end } from './workflow-status.ts';

/** Decides what happens next with a run of a workflow. Pure: the same observation gives the same decision. */
export function planWorkflowRun(observation: WorkflowObservation): Decision {
  const { run, pods } = observation;
  if (isTerminal(run.status?.phase)) return planFinished({ ...observation, children: observation.fanOuts });
  if (run.status?.phase === 'Waiting') return planWaiting(observation);
  const pod = [...pods].sort((a, b) => attemptOf(a) - attemptOf(b)).at(-1);
  if (pod !== undefined) return planPod(observation, pod);
  if ((run.status?.attempts?.length ?? 0) > 0) {
    return end(
      observation,
      'Failed',
      'execution_failed',
      'PodLost',
      'the Pod of the run was removed and its result with it: was its finalizer taken off?',
    );
  }
  return planStart(observation);
}
