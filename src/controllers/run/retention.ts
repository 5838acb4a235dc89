import { PATHS } from '../../agent/contract.ts';
import { isTerminal, type RetainedWorkspace } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import type { Action, Decision, EventIntent } from './decision.ts';
import type { ObservedPod } from './observed.ts';
import { podState } from './pod-state.ts';
import { parseResult } from './result.ts';
import { attemptOf, type WorkflowObservation } from './workflow-observation.ts';

/** A Pod whose agent has ended, and whose step containers wait for people. */
interface HeldPod {
  /** The container to look into. */
  readonly container: string;
  /** When they end by themselves, milliseconds since the epoch. */
  readonly untilMs: number;
}

/** What a Pod keeps for people; undefined when it keeps nothing, or no more. */
export function heldPod(pod: ObservedPod): HeldPod | undefined {
  if (pod.metadata.deletionTimestamp !== undefined || hasStopped(pod)) return undefined;
  const state = podState(pod);
  if (state.kind !== 'finished') return undefined;
  const held = parseResult(state.message)?.held;
  return held && { container: held.container, untilMs: state.finishedMs + held.seconds * 1_000 };
}

/** Whether all containers of a Pod have ended. */
export function hasStopped({ status }: ObservedPod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** The Pod of the last attempt. */
export function lastPod(pods: readonly ObservedPod[]): ObservedPod | undefined {
  return [...pods].sort((a, b) => attemptOf(a) - attemptOf(b)).at(-1);
}

/**
 * Adds to the end of a run what becomes of a Pod that is held for people. The run has ended all the same: its status is final at once. Only
 * the last attempt is kept, of a run that has failed or timed out, and only while the namespace has a place for it.
 */
export function withRetention(observation: WorkflowObservation, decision: Decision): Decision {
  const { pods } = observation;
  const last = lastPod(pods);
  const held = last && heldPod(last);
  const { verdict, status } = decision;
  if (last === undefined || held === undefined || verdict === undefined || status === undefined) return decision;
  if (!isTerminal(verdict.phase)) return decision;
  if (verdict.phase === 'Canceled' || verdict.phase === 'Succeeded') {
    return {
      ...decision,
      after: [...decision.after, { kind: 'deletePod', name: last.metadata.name, uid: last.metadata.uid }],
    };
  }
  if (observation.retention !== 'granted') {
    return { ...decision, after: [...decision.after, stopPod(last)], events: [...decision.events, NOT_RETAINED] };
  }
  const retainedWorkspace = describe(last, held);
  return {
    ...decision,
    status: { ...status, retainedWorkspace },
    events: [...decision.events, retained(retainedWorkspace)],
  };
}

const NOT_RETAINED: EventIntent = {
  type: 'Warning',
  reason: 'WorkspaceNotRetained',
  message:
    'the workspace is not kept: the namespace has as many retained ones as the operator allows (TAKO_RETAINED_PER_NAMESPACE); cancel a run whose workspace nobody needs to free its place',
};

function retained({ until, command }: RetainedWorkspace): EventIntent {
  const message = `the workspace (${PATHS.workspace}) stays until ${until}. To look into it: ${command}`;
  return { type: 'Normal', reason: 'WorkspaceRetained', message };
}

function describe(pod: ObservedPod, { container, untilMs }: HeldPod): RetainedWorkspace {
  const { name, uid, namespace } = pod.metadata;
  const command = `kubectl -n ${namespace} exec -it ${name} -c ${container} -- sh`;
  return { podName: name, podUID: uid, container, until: toTimestamp(untilMs), command };
}

/** Ends a Pod's containers and leaves it, and so its logs, for the usual time. */
export function stopPod({ metadata }: ObservedPod): Action {
  return { kind: 'stopPod', name: metadata.name, uid: metadata.uid };
}
