import { isTerminal } from '../../api/takorun-status.ts';
import { type Completion, eventCompletion } from '../../fanout/completion.ts';
import { detailedErrors } from '../../fanout/errors.ts';
import type { RunObject } from '../../fanout/objects.ts';
import { waitsForChildren } from '../../fanout/parentage.ts';
import { isDue, isDueElsewhere } from '../../fanout/retry-tree.ts';
import {
  type ChildState,
  childrenText,
  childState,
  summarise,
  treeSummary,
  unfinishedCount,
} from '../../fanout/summary.ts';
import { cancelRuns } from './cancel-runs.ts';
import type { Decision, EventIntent } from './decision.ts';
import { NOTHING } from './decision.ts';
import { type EventObservation, eventDeadline } from './event-observation.ts';
import { endEvent, eventStatus, holdEvent } from './event-status.ts';
import { errorsStatus, type StatusBody } from './status.ts';
import { endedInTime, mustStop, STOPPING_LOOK_MS, stoppingReason } from './stopping.ts';

/** An event that went out: how its children stand, and whether that is its end. `events` are told besides that of the end. */
export function planChildrenOf(
  observation: EventObservation,
  changes: Partial<StatusBody>,
  events: readonly EventIntent[],
): Decision {
  const { run, now, children } = observation;
  const fanOut = changes.fanOut ?? run.status?.fanOut;
  const expected = fanOut?.triggeredCount ?? 0;
  const states = children.map(child => stateOf(child, observation));
  const namespace = run.metadata.namespace!;
  const errors = detailedErrors(states, { namespace });
  const sharedStates = observation.shared.map(one => sharedState(one, observation));
  const below = {
    ...changes,
    ...childrenNumbers(states, expected),
    ...errorsStatus(errors),
  };
  if (isTerminal(run.status?.phase)) {
    // Its end is latched; only the numbers go on, for children that nobody waits for.
    return { ...NOTHING, status: eventStatus(observation, below) };
  }
  if (observation.cycle !== undefined) {
    const message = `the runs of this tree would wait for each other: ${observation.cycle}; change a subscription or its filters so that the chain ends`;
    return {
      ...endEvent(observation, 'Failed', 'execution_failed', 'CycleDetected', message, below),
      before: cancelRuns(children),
    };
  }
  const deadlineMs = eventDeadline(observation);
  const completion = eventCompletion({
    waitForChildren: waitsForChildren(run),
    expanded: true,
    skippedCount: fanOut?.skippedCount,
    summary: below.childrenSummary,
    errors: errors.errors,
    shared: {
      summary: summarise(sharedStates, fanOut?.sharedCount ?? 0),
      errors: detailedErrors(sharedStates, { namespace }).errors,
    },
    cancel: run.spec.cancel === true,
    deadlineMs,
    now,
    source: run.spec.event!.source,
    type: run.spec.event!.type,
  });
  const decision = decide(observation, completion, below, deadlineMs);
  return { ...decision, events: [...events, ...decision.events] };
}

/** How the children stand, for the status; of `expected` those that are not there any more count as canceled. */
export function childrenNumbers(states: readonly ChildState[], expected: number) {
  const summary = summarise(states, expected);
  return {
    childrenSummary: summary,
    treeSummary: treeSummary(states, expected),
    children: childrenText(summary),
  } satisfies Partial<StatusBody>;
}

/** A child that failed and is still to take its parent's retry up has not ended. */
function stateOf(child: RunObject, { run, below }: EventObservation): ChildState {
  const state = childState(child);
  const isOpen = state.phase !== 'Succeeded' && isDue(child, run.status?.retry, below);
  return isOpen ? { ...state, phase: 'Pending' } : state;
}

/** A shared run that failed and is still to take the tree's retry up in its own branch has not ended. */
function sharedState(shared: RunObject, { run, below, above }: EventObservation): ChildState {
  const state = childState(shared);
  const isOpen = state.phase !== 'Succeeded' && isDueElsewhere(shared, above(shared), run.status?.retry, below);
  return isOpen ? { ...state, phase: 'Pending' } : state;
}

/**
 * Whether a run that has ended still counts: children that it did not wait for go on, or one that has ended told later what there is below it.
 * Once all have ended, or were deleted after their time, the numbers stay.
 */
export function isStillCounting(observation: EventObservation): boolean {
  const { run, children } = observation;
  const { childrenSummary: below, treeSummary: tree, fanOut } = run.status ?? {};
  if (fanOut?.expanded !== true || children.length === 0) return false;
  if ([below, tree].some(summary => summary !== undefined && unfinishedCount(summary) > 0)) return true;
  if (isRetrying(observation)) return true;
  const states = children.map(child => stateOf(child, observation));
  return treeSummary(states, fanOut.triggeredCount).total > (tree?.total ?? below?.total ?? 0);
}

/** Whether something is repeated below a run that stays as it ended: it succeeded without waiting for that. */
function isRetrying({ run, children, below }: EventObservation): boolean {
  const retry = run.status?.retry;
  if (retry?.startTime === undefined) return false;
  return children.some(child => {
    const { phase, treeSummary: tree } = child.status ?? {};
    return !isTerminal(phase) || (tree !== undefined && unfinishedCount(tree) > 0) || isDue(child, retry, below);
  });
}

function decide(
  observation: EventObservation,
  completion: Completion,
  changes: Partial<StatusBody>,
  deadlineMs: number,
): Decision {
  const { now, children } = observation;
  switch (completion.state) {
    case 'running': {
      const [reason, message] =
        observation.run.spec.suspend === true
          ? (['Suspended', 'no Pod starts below until spec.suspend is false; Pods that are there go on'] as const)
          : (['WaitingForChildren', 'the children are running'] as const);
      return {
        ...holdEvent(observation, completion.phase, reason, message, changes),
        requeueAfterMs: Math.max(0, deadlineMs - now),
      };
    }
    case 'stopping': {
      const { phase, cause, message } = completion;
      return {
        ...holdEvent(observation, phase, stoppingReason(cause), message, changes),
        before: mustStop(cause, deadlineMs, now) ? cancelRuns(children) : [],
        requeueAfterMs: STOPPING_LOOK_MS,
      };
    }
    case 'ended': {
      const { phase, errorType, reason, message, timeoutExceeded } = endedInTime(completion, observation.run);
      return endEvent(observation, phase, errorType, reason, message, {
        ...changes,
        ...(timeoutExceeded ? { timeoutExceeded: true } : {}),
      });
    }
  }
}
