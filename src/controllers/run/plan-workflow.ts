import { isTerminal } from '../../api/takorun-status.ts';
import { emptySummary, unfinishedCount } from '../../fanout/summary.ts';
import type { Decision } from './decision.ts';
import { fanOutSummary } from './fan-out-summary.ts';
import { planWaiting } from './plan-completion.ts';
import { planFinished } from './plan-finished.ts';
import { planPod } from './plan-pod.ts';
import { failAttempt } from './plan-retry.ts';
import { takeUpRetry, tellingOfRetry } from './plan-retry-tree.ts';
import { planStart } from './plan-start.ts';
import { lastPod, withRetention } from './retention.ts';
import type { StatusBody } from './status.ts';
import { stopFanOutsFirst } from './stop-below.ts';
import { attemptOf, deadlineOf, hasEnded, startOf, type WorkflowObservation } from './workflow-observation.ts';
import { hold } from './workflow-status.ts';

/** Decides what happens next with a run of a workflow. Pure: the same observation gives the same decision. */
export function planWorkflowRun(observation: WorkflowObservation): Decision {
  return withNumbers(
    observation,
    withRetention(observation, takeUpWorkflowRetry(observation) ?? planAndTell(observation)),
  );
}

/** Whatever becomes of a run, its status tells how the children of its fan-outs stand. */
function withNumbers({ fanOuts }: WorkflowObservation, decision: Decision): Decision {
  if (decision.status === undefined || decision.verdict === undefined) return decision;
  return { ...decision, status: { ...decision.status, ...fanOutSummary(fanOuts) } };
}

function planAndTell(observation: WorkflowObservation): Decision {
  const { run, fanOuts, below } = observation;
  const decision = stopFanOutsFirst(observation, planWorkflow(observation));
  // While its own part is repeated, the gateway tells those fan-outs that the steps come to.
  if (run.status?.phase !== 'Waiting' && !isTerminal(run.status?.phase)) return decision;
  const deadlineMs = deadlineOf(observation, startOf(observation));
  return tellingOfRetry(decision, { run, children: fanOuts, below, deadlineMs });
}

/** What the status of a run whose steps are repeated no longer says: its first start is that of the first attempt. */
const REPEATED = {
  startTime: undefined,
  revision: undefined,
  steps: undefined,
  stepsOmitted: undefined,
  outputs: undefined,
  resultRef: undefined,
  retainedWorkspace: undefined,
} as const satisfies Partial<StatusBody>;

function takeUpWorkflowRetry(observation: WorkflowObservation): Decision | undefined {
  return takeUpRetry(observation.run, observation, {
    again: (changes, message) => hold(observation, 'Pending', 'Retrying', message, false, { ...changes, ...REPEATED }),
    below: (changes, message) => hold(observation, 'Waiting', 'Retrying', message, false, changes),
  });
}

function planWorkflow(observation: WorkflowObservation): Decision {
  const { run, pods } = observation;
  if (isTerminal(run.status?.phase)) {
    const finished = planFinished({ ...observation, children: observation.fanOuts, settled: true });
    const status = laterNumbers(observation);
    return status === undefined ? finished : { ...finished, status };
  }
  if (run.status?.phase === 'Waiting') return planWaiting(observation);
  const pod = lastPod(pods);
  if (pod !== undefined && !hasEnded(run, attemptOf(pod))) return planPod(observation, pod);
  const last = run.status?.attempts?.at(-1);
  if (last !== undefined && !hasEnded(run, last.number)) return podLost(observation);
  return planStart(observation);
}

function podLost(observation: WorkflowObservation): Decision {
  const message = 'the Pod of the run was removed and its result with it: was its finalizer taken off?';
  return failAttempt(observation, { errorType: 'execution_failed', reason: 'PodLost', message });
}

/**
 * The numbers of a run that has ended while something below it goes on: children that it did not wait for, or a fan-out that the store showed
 * only afterwards. Once all have ended, or were deleted after their time, the numbers stay.
 */
function laterNumbers({ run, fanOuts }: WorkflowObservation): StatusBody | undefined {
  if (fanOuts.length === 0) return undefined;
  const before = run.status?.treeSummary ?? emptySummary();
  const below = fanOuts.flatMap(({ status }) => status?.treeSummary ?? []);
  const isMoving = [before, ...below].some(summary => unfinishedCount(summary) > 0);
  const numbers = fanOutSummary(fanOuts);
  const total = numbers.treeSummary?.total ?? 0;
  return total > before.total || (total === before.total && isMoving) ? numbers : undefined;
}
