import { isTerminal } from '../../api/takorun-status.ts';
import { countedFrom } from '../../fanout/deadline.ts';
import type { Decision, EventIntent } from './decision.ts';
import { NOTHING } from './decision.ts';
import { type EventObservation, eventDeadline } from './event-observation.ts';
import { endEvent, eventIdentity, holdEvent } from './event-status.ts';
import type { Expansion, Matching } from './expand.ts';
import { planDuplicate } from './plan-duplicate.ts';
import { isStillCounting, planChildrenOf } from './plan-event-children.ts';
import { planFinished } from './plan-finished.ts';
import { takeUpRetry, tellingOfRetry } from './plan-retry-tree.ts';
import { boundPlanned, boundSkipped, type StatusBody } from './status.ts';
import { stopChildrenFirst } from './stop-below.ts';
import { ENDING_LOOK_MS } from './workflow-observation.ts';

type Expanded = Extract<Expansion, { kind: 'expanded' }>;
type Planned = Extract<Expansion, { kind: 'planned' }>;

/** Time between two looks at what an event waits for, milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/** Decides what happens next with an event. Pure: the same observation gives the same decision. */
export function planEventRun(observation: EventObservation): Decision {
  const { run, children, below } = observation;
  return (
    takeUpEventRetry(observation) ??
    tellingOfRetry(stopChildrenFirst(observation, planEvent(observation)), {
      run,
      children,
      below,
      deadlineMs: eventDeadline(observation),
    })
  );
}

function takeUpEventRetry(observation: EventObservation): Decision | undefined {
  const { fanOut } = observation.run.status ?? {};
  return takeUpRetry(observation.run, observation, {
    again: (changes, message) => holdEvent(observation, 'Pending', 'Retrying', message, changes),
    below: (changes, message) =>
      holdEvent(observation, 'Waiting', 'Retrying', message, {
        ...changes,
        fanOut: { ...fanOut, completionTime: undefined },
      }),
  });
}

function planEvent(observation: EventObservation): Decision {
  const { run, now } = observation;
  if (isTerminal(run.status?.phase) && !isStillCounting(observation)) return planFinished({ ...observation, pods: [] });
  if (run.status?.fanOut?.expanded === true) return planChildrenOf(observation, {}, []);
  if (observation.lineage === 'ending') return { ...NOTHING, requeueAfterMs: ENDING_LOOK_MS };
  const deadlineMs = eventDeadline(observation);
  if (run.spec.cancel === true)
    return endEvent(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled before the event went out');
  if (observation.lineage === 'gone') {
    const message = 'the run that started it has ended or was deleted: nobody waits for this one';
    return endEvent(observation, 'Canceled', 'canceled', 'ParentGone', message);
  }
  if (now >= deadlineMs) {
    const message = 'the time limit was over before the event went out';
    return endEvent(observation, 'TimedOut', 'timeout', 'DeadlineExceeded', message, { timeoutExceeded: true });
  }
  if (run.spec.suspend === true)
    return holdEvent(
      observation,
      'Pending',
      'Suspended',
      'the run is suspended: set spec.suspend to false to start it',
    );
  return observation.expansion === undefined ? NOTHING : planExpansion(observation, observation.expansion);
}

function planExpansion(observation: EventObservation, expansion: Expansion): Decision {
  const { run, now, options } = observation;
  switch (expansion.kind) {
    case 'failed':
      return fail(observation, expansion);
    case 'waiting': {
      const left = countedFrom(run) + options.repositoryTimeoutMs - now;
      if (left <= 0) return fail(observation, expansion);
      const { reason, message } = expansion;
      const known = run.status?.conditions?.find(condition => condition.type === 'Ready')?.reason === reason;
      return {
        ...holdEvent(observation, 'Pending', reason, message),
        events: known ? [] : [{ type: 'Warning', reason, message }],
        requeueAfterMs: Math.min(left, LOOK_AGAIN_MS),
      };
    }
    case 'duplicate':
      return planDuplicate(observation, expansion.of);
    case 'expanded':
      return latch(observation, expansion);
    case 'planned':
      return endDryRun(observation, expansion);
  }
}

/** Children that a try which was cut off has created are stopped first: half a fan-out would be mistaken for a whole one. */
function fail(observation: EventObservation, { reason, message }: { reason: string; message: string }): Decision {
  return endEvent(observation, 'Failed', 'execution_failed', reason, message);
}

/** The event went out: from here on it is never matched again, whatever the repositories say later. */
function latch(observation: EventObservation, expansion: Expanded): Decision {
  const { run } = observation;
  const { children, shared, deduplicated, subscribersFound, withoutConsent } = expansion;
  const others = shared.length === 0 ? '' : `, ${shared.length} run already for another event of the tree`;
  const message = `${children.length} of ${subscribersFound - withoutConsent} subscribers run${others}`;
  const told = run.spec.parent === undefined ? [{ type: 'Normal' as const, reason: 'EventEmitted', message }] : [];
  const fanOut = {
    ...fanOutStatus(observation, expansion, true),
    triggeredCount: children.length,
    deduplicated: deduplicated + shared.length,
    ...(shared.length === 0 ? {} : { sharedCount: shared.length }),
  };
  const decision = planChildrenOf({ ...observation, children, shared }, { fanOut }, [
    ...told,
    ...warningEvents(expansion),
  ]);
  return { ...decision, warnings: expansion.warnings };
}

function warningEvents({ warnings }: Matching): EventIntent[] {
  return warnings.map(({ type, message }) => ({ type: 'Warning', reason: type, message }));
}

/** How many names a dry run tells in its message. */
const NAMED = 20;

/** Nothing was created and nothing is: the status says what would be. */
function endDryRun(observation: EventObservation, expansion: Planned): Decision {
  const { children, skippedCount, warnings } = expansion;
  const named = children.slice(0, NAMED).map(({ repository, workflow }) => `${repository} ${workflow}`);
  const more = children.length > NAMED ? ` and ${children.length - NAMED} more` : '';
  const runs = named.length === 0 ? 'nothing' : `${named.join(', ')}${more}`;
  const others = skippedCount === 0 ? '' : `; ${skippedCount} skipped`;
  const first =
    expansion.duplicateOf === undefined
      ? ''
      : `; but an equal event is that of TakoRun ${expansion.duplicateOf}, whose result it would take`;
  const { planned, omitted } = boundPlanned(children);
  const ended = endEvent(
    observation,
    'Succeeded',
    undefined,
    'DryRun',
    `dry run: would start ${runs}${others}${first}`,
    {
      fanOut: {
        ...fanOutStatus(observation, expansion, false),
        plannedCount: children.length,
        planned,
        ...(omitted === 0 ? {} : { plannedOmitted: omitted }),
      },
    },
  );
  return { ...ended, warnings, events: [...warningEvents(expansion), ...ended.events] };
}

function fanOutStatus(
  observation: EventObservation,
  matching: Matching,
  emitted: boolean,
): NonNullable<StatusBody['fanOut']> {
  return {
    ...eventIdentity(observation),
    eventEmitted: emitted,
    expanded: emitted,
    subscribersFound: matching.subscribersFound,
    withoutConsent: matching.withoutConsent,
    deduplicated: matching.deduplicated,
    triggeredCount: 0,
    skippedCount: matching.skippedCount,
    skipped: boundSkipped(matching.skipped),
  };
}
