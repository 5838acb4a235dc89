import { isTerminal, type Phase } from '../../api/takorun-status.ts';
import { waitsForChildren } from '../../fanout/parentage.ts';
import { childState } from '../../fanout/summary.ts';
import { cancelRuns } from './cancel-runs.ts';
import type { Decision } from './decision.ts';
import { type EventObservation, eventDeadline } from './event-observation.ts';
import { holdEvent } from './event-status.ts';
import { childrenNumbers } from './plan-event-children.ts';
import { lastPod } from './retention.ts';
import { mustStop, STOPPING_LOOK_MS } from './stopping.ts';
import {
  attemptOf,
  currentPhase,
  deadlineOf,
  hasEnded,
  startOf,
  type WorkflowObservation,
} from './workflow-observation.ts';
import { hold, recordAttempt } from './workflow-status.ts';

/**
 * A run ends when and only when what it waits for has: one that ends badly, or is canceled, ends those below it first. Its Pod stays as it is
 * meanwhile, so that the same end is decided again when they are through.
 */
export function stopFanOutsFirst(observation: WorkflowObservation, decision: Decision): Decision {
  const { run, now, pods, fanOuts } = observation;
  const phase = badEnd(decision);
  if (phase === undefined || isTerminal(run.status?.phase)) return decision;
  const open = fanOuts.filter(
    fanOut => !isTerminal(fanOut.status?.phase) && (waitsForChildren(fanOut) || phase === 'Canceled'),
  );
  if (open.length === 0) return decision;
  const deadlineMs = deadlineOf(observation, startOf(observation));
  const pod = lastPod(pods);
  const isGoing = pod !== undefined && !hasEnded(run, attemptOf(pod));
  const held = hold(
    observation,
    currentPhase(run) === 'Waiting' ? 'Waiting' : 'Running',
    reasonOf(phase),
    `${decision.verdict?.message}; first ends what runs below`,
    false,
    isGoing ? recordAttempt(observation, pod) : {},
  );
  const told = phase !== 'TimedOut' || mustStop('Timeout', deadlineMs, now);
  const cancels = told ? cancelRuns(open) : [];
  // A Pod that is told to end goes on ending.
  const deletes = decision.before.filter(({ kind }) => kind === 'deletePod');
  return { ...held, before: [...deletes, ...cancels], requeueAfterMs: STOPPING_LOOK_MS };
}

/** The same for an event that ends before all its children exist: those of a try that was cut off may run. */
export function stopChildrenFirst(observation: EventObservation, decision: Decision): Decision {
  const { run, now, children } = observation;
  const phase = badEnd(decision);
  const isOut = run.status?.fanOut?.expanded === true || decision.status?.fanOut?.expanded === true;
  if (phase === undefined || isOut || isTerminal(run.status?.phase) || children.length === 0) return decision;
  const below = childrenNumbers(children.map(childState), children.length);
  const status = decision.status === undefined ? {} : { status: { ...decision.status, ...below } };
  const open = children.some(child => !isTerminal(child.status?.phase));
  if (!open) return { ...decision, ...status };
  const message = `${decision.verdict?.message}; first ends what runs below`;
  const told = phase !== 'TimedOut' || mustStop('Timeout', eventDeadline(observation), now);
  return {
    ...holdEvent(observation, 'Running', reasonOf(phase), message, below),
    before: told ? cancelRuns(children) : [],
    requeueAfterMs: STOPPING_LOOK_MS,
  };
}

type BadEnd = Extract<Phase, 'Failed' | 'TimedOut' | 'Canceled'>;

function badEnd({ verdict }: Decision): BadEnd | undefined {
  switch (verdict?.phase) {
    case 'Failed':
    case 'TimedOut':
    case 'Canceled':
      return verdict.phase;
    default:
      return undefined;
  }
}

function reasonOf(phase: BadEnd): string {
  switch (phase) {
    case 'Canceled':
      return 'Canceling';
    case 'TimedOut':
      return 'TimingOut';
    case 'Failed':
      return 'StoppingChildren';
  }
}
