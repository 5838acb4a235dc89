import { AGENT_CONTAINER, type AgentResult } from '../../agent/contract.ts';
import { type Completion, type FanOutOutcome, type PodOutcome, workflowCompletion } from '../../fanout/completion.ts';
import { waitsForChildren } from '../../fanout/parentage.ts';
import { isDue } from '../../fanout/retry-tree.ts';
import { isAbandoned } from '../../fanout/step-fan-outs.ts';
import { cancelRuns } from './cancel-runs.ts';
import type { Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { LiveRun } from './observed.ts';
import { releaseActions } from './plan-finished.ts';
import type { Failure } from './plan-retry.ts';
import type { StatusBody } from './status.ts';
import { endedInTime, mustStop, STOPPING_LOOK_MS, stoppingReason } from './stopping.ts';
import { deadlineOf, startOf, type WorkflowObservation } from './workflow-observation.ts';
import { end, hold } from './workflow-status.ts';

/** How long a fan-out that the agent names may be unknown to our store, milliseconds. */
const FAN_OUT_VISIBLE_MS = 30_000;

/** What the agent said, as far as it decides on the run's end. */
export type AgentVerdict = Pick<AgentResult, 'state' | 'errorType' | 'reason' | 'message' | 'output' | 'waitFor'>;

/** The agent has spoken; what is left are the fan-outs that the run waits for. */
export function planCompletion(
  observation: WorkflowObservation,
  agent: AgentVerdict,
  changes: Partial<StatusBody>,
): Decision {
  const { run, now, fanOuts } = observation;
  const byStep = new Map(fanOuts.map(fanOut => [stepOf(fanOut), fanOut]));
  const attempt = (changes.attempts ?? run.status?.attempts)?.at(-1)?.number ?? 1;
  const unseen = (agent.waitFor ?? []).filter(step => {
    const found = byStep.get(step);
    return found === undefined || isAbandoned(found, attempt);
  });
  const podsDone = now - latestPodTime(observation);
  // A run that is Waiting has seen them: what is not there now was deleted.
  const mayStillAppear = run.status?.phase !== 'Waiting' && podsDone < FAN_OUT_VISIBLE_MS;
  if (unseen.length > 0 && mayStillAppear) return { ...NOTHING, requeueAfterMs: 1_000 };

  const completion = workflowCompletion({
    pod: podOutcome(agent),
    fanOuts: new Map([...byStep].map(([step, fanOut]) => [step, outcomeOf(fanOut, observation)])),
    cancel: run.spec.cancel === true,
    deadlineMs: deadlineOf(observation, startOf(observation)),
    now,
  });
  return decide(observation, completion, changes);
}

/** One that failed and is still to take the run's retry up has not ended. */
function outcomeOf(fanOut: LiveRun, { run, below }: WorkflowObservation): FanOutOutcome {
  const { phase, errorType, message } = fanOut.status ?? {};
  const isOpen = phase !== 'Succeeded' && isDue(fanOut, run.status?.retry, below);
  return isOpen ? { phase: 'Pending' } : { phase, errorType, message };
}

function podOutcome(agent: AgentVerdict): PodOutcome {
  if (agent.state === 'succeeded') return { state: 'succeeded', waitFor: agent.waitFor };
  return { state: 'failed', ...failureOf(agent) };
}

/** What a failed agent says, with words where it has none. */
export function failureOf(agent: AgentVerdict): Failure {
  const { errorType = 'execution_failed', reason = 'AgentFailed', message = 'the agent gave no reason' } = agent;
  const output = agent.output === undefined ? '' : `; the last lines of its output:\n${agent.output}`;
  return { errorType, reason, message: `${message}${output}` };
}

function decide(observation: WorkflowObservation, completion: Completion, changes: Partial<StatusBody>): Decision {
  const { now, fanOuts, pods } = observation;
  const deadlineMs = deadlineOf(observation, startOf(observation));
  const after = releaseActions(pods);
  switch (completion.state) {
    case 'running': {
      const [reason, message] =
        observation.run.spec.suspend === true
          ? (['Suspended', 'the steps have ended; no Pod starts below until spec.suspend is false'] as const)
          : (['WaitingForChildren', 'the steps have ended, the children are running'] as const);
      return {
        ...hold(observation, completion.phase, reason, message, false, changes),
        after,
        requeueAfterMs: Math.max(0, deadlineMs - now),
      };
    }
    case 'stopping': {
      const reason = stoppingReason(completion.cause);
      return {
        ...hold(observation, completion.phase, reason, completion.message, false, changes),
        before: mustStop(completion.cause, deadlineMs, now) ? cancelRuns(fanOuts) : [],
        after,
        requeueAfterMs: STOPPING_LOOK_MS,
      };
    }
    case 'ended': {
      const { phase, errorType, reason, message, timeoutExceeded } = endedInTime(completion, observation.run);
      return end(observation, phase, errorType, reason, message, {
        ...changes,
        ...(timeoutExceeded ? { timeoutExceeded: true } : {}),
      });
    }
  }
}

/**
 * A run whose Pod is through and that waits for the children of its last step. They are waited for by the step's name, so that a fan-out that
 * was deleted, and its children with it, is no success.
 */
export function planWaiting(observation: WorkflowObservation): Decision {
  const { steps = [], stepsOmitted } = observation.run.status ?? {};
  const last = stepsOmitted === undefined ? steps.at(-1)?.id : undefined;
  const waitFor = last === undefined ? observation.fanOuts.filter(waitsForChildren).map(stepOf) : [last];
  return planCompletion(observation, { state: 'succeeded', waitFor }, {});
}

/** When the last Pod's agent ended, milliseconds since the epoch; 0 without a Pod. */
function latestPodTime({ pods }: WorkflowObservation): number {
  const times = pods.map(pod => {
    const agent = pod.status?.containerStatuses?.find(status => status.name === AGENT_CONTAINER);
    return Date.parse(agent?.state?.terminated?.finishedAt ?? pod.metadata.creationTimestamp);
  });
  return Math.max(0, ...times);
}

function stepOf(fanOut: LiveRun): string {
  return fanOut.spec.parent?.step ?? '';
}
