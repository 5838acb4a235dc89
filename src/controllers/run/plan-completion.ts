import type { AgentResult } from '../../agent/contract.ts';
import { isTerminal } from '../../api/takorun.ts';
import { type Completion, type PodOutcome, workflowCompletion } from '../../fanout/completion.ts';
import { mergeErrors } from '../../fanout/errors.ts';
import { addSummaries, addTreeSummaries, childrenText } from '../../fanout/summary.ts';
import type { Action, Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { LiveRun } from './observed.ts';
import { releaseActions } from './plan-finished.ts';
import type { StatusBody } from './status.ts';
import { deadlineOf, startOf, type WorkflowObservation } from './workflow-observation.ts';
import { end, hold } from './workflow-status.ts';

/** How long a fan-out that the agent names may be unknown to our store, milliseconds. */
const FAN_OUT_VISIBLE_MS = 30_000;

/** What the agent said, as far as it decides on the run's end. */
export type AgentVerdict = Pick<AgentResult, 'state' | 'errorType' | 'reason' | 'message' | 'waitFor'>;

/** The agent has spoken; what is left are the fan-outs that the run waits for. */
export function planCompletion(
  observation: WorkflowObservation,
  agent: AgentVerdict,
  changes: Partial<StatusBody>,
): Decision {
  const { run, now, fanOuts } = observation;
  const byStep = new Map(fanOuts.map(fanOut => [fanOut.spec.parent?.step ?? '', fanOut]));
  const unseen = (agent.waitFor ?? []).filter(step => !byStep.has(step));
  const podsDone = now - latestPodTime(observation);
  if (unseen.length > 0 && podsDone < FAN_OUT_VISIBLE_MS) return { ...NOTHING, requeueAfterMs: 1_000 };

  const summary = addSummaries(...fanOuts.map(fanOut => fanOut.status?.childrenSummary ?? EMPTY_SUMMARY));
  const errors = mergeErrors(
    fanOuts.map(fanOut => ({
      errors: fanOut.status?.detailedErrors ?? [],
      omitted: fanOut.status?.detailedErrorsOmitted ?? 0,
    })),
  );
  const below: Partial<StatusBody> =
    fanOuts.length === 0
      ? {}
      : {
          childrenSummary: summary,
          treeSummary: addTreeSummaries(...fanOuts.map(fanOut => fanOut.status?.treeSummary ?? EMPTY_TREE)),
          children: childrenText(summary),
          ...(errors.errors.length === 0 ? {} : { detailedErrors: [...errors.errors] }),
          ...(errors.omitted === 0 ? {} : { detailedErrorsOmitted: errors.omitted }),
        };
  const completion = workflowCompletion({
    pod: podOutcome(agent, run),
    fanOuts: new Map([...byStep].map(([step, fanOut]) => [step, { ...fanOut.status, phase: fanOut.status?.phase }])),
    cancel: run.spec.cancel === true,
    deadlineMs: deadlineOf(observation, startOf(observation)),
    now,
  });
  return decide(observation, completion, { ...changes, ...below });
}

/** An agent that was stopped by the deletion of its Pod tells of a cancel; without `spec.cancel` it was somebody else. */
function podOutcome(agent: AgentVerdict, run: LiveRun): PodOutcome {
  if (agent.state === 'succeeded') return { state: 'succeeded', waitFor: agent.waitFor };
  const { errorType = 'execution_failed', reason = 'AgentFailed', message = 'the agent gave no reason' } = agent;
  if (errorType === 'canceled' && run.spec.cancel !== true) {
    return {
      state: 'failed',
      errorType: 'execution_failed',
      reason: 'PodDeleted',
      message: 'the Pod of the run was deleted while it ran',
    };
  }
  return { state: 'failed', errorType, reason, message };
}

function decide(observation: WorkflowObservation, completion: Completion, changes: Partial<StatusBody>): Decision {
  const unfinished = observation.fanOuts.filter(fanOut => !isTerminal(fanOut.status?.phase));
  const cancel = unfinished.filter(fanOut => fanOut.spec.cancel !== true).map(cancelAction);
  const requeueAfterMs = Math.max(0, deadlineOf(observation, startOf(observation)) - observation.now);
  switch (completion.state) {
    case 'running':
      return {
        ...hold(
          observation,
          completion.phase,
          'WaitingForChildren',
          'the steps have ended, the children are running',
          false,
          changes,
        ),
        after: releaseActions(observation.pods),
        requeueAfterMs,
      };
    case 'stopping':
      return {
        ...hold(
          observation,
          completion.phase,
          completion.cause === 'Cancel' ? 'Canceling' : 'TimingOut',
          completion.message,
          false,
          changes,
        ),
        before: cancel,
        after: releaseActions(observation.pods),
        requeueAfterMs: 5_000,
      };
    case 'ended': {
      const ended = end(observation, completion.phase, completion.errorType, completion.reason, completion.message, {
        ...changes,
        ...(completion.timeoutExceeded ? { timeoutExceeded: true } : {}),
      });
      return completion.phase === 'Succeeded'
        ? ended
        : { ...ended, before: unfinished.filter(waits).filter(notCanceled).map(cancelAction) };
    }
  }
}

/** A run whose Pod is through and that waits for the children of its last step. */
export function planWaiting(observation: WorkflowObservation): Decision {
  return planCompletion(observation, { state: 'succeeded', waitFor: waitingSteps(observation) }, {});
}

function latestPodTime(observation: WorkflowObservation): number {
  const times = observation.pods.map(pod => {
    const agent = pod.status?.containerStatuses?.find(status => status.state?.terminated !== undefined);
    return Date.parse(agent?.state?.terminated?.finishedAt ?? pod.metadata.creationTimestamp);
  });
  return times.length === 0 ? 0 : Math.max(...times);
}

function waitingSteps({ fanOuts }: WorkflowObservation): string[] {
  return fanOuts.filter(waits).map(fanOut => fanOut.spec.parent?.step ?? '');
}

function waits(fanOut: LiveRun): boolean {
  return fanOut.spec.waitForChildren !== false;
}

function notCanceled(run: LiveRun): boolean {
  return run.spec.cancel !== true;
}

function cancelAction(run: LiveRun): Action {
  return { kind: 'cancelRun', namespace: run.metadata.namespace!, name: run.metadata.name };
}

const EMPTY_SUMMARY = { total: 0, completed: 0, failed: 0, timedOut: 0, canceled: 0, running: 0, pending: 0 };
const EMPTY_TREE = { ...EMPTY_SUMMARY, depth: 0 };
