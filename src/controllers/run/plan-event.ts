import type { ErrorType, Phase, TakoRunStatus } from '../../api/takorun.ts';
import { isTerminal } from '../../api/takorun.ts';
import { type Completion, eventCompletion } from '../../fanout/completion.ts';
import { inheritedDeadline, runDeadline } from '../../fanout/deadline.ts';
import { detailedErrors } from '../../fanout/errors.ts';
import { eventFingerprint } from '../../fanout/fingerprint.ts';
import type { RunObject } from '../../fanout/objects.ts';
import { childrenText, childState, summarise, treeSummary } from '../../fanout/summary.ts';
import type { Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import { milliseconds } from './durations.ts';
import type { Expansion } from './expand.ts';
import { runIdOf } from './identity.ts';
import type { LiveRun } from './observed.ts';
import type { RunOptions } from './options.ts';
import { planFinished } from './plan-finished.ts';
import { rfc3339, type StatusBody } from './status.ts';

/** All that a decision about an event run rests on. */
export interface EventObservation {
  readonly run: LiveRun;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly options: RunOptions;
  /** Runs that this one created. */
  readonly children: readonly RunObject[];
  readonly wanted: boolean;
  /** What matching gave; only while the event is not expanded. Its children exist already. */
  readonly expansion?: Expansion | undefined;
}

/** Decides what happens next with an event. Pure: the same observation gives the same decision. */
export function planEventRun(observation: EventObservation): Decision {
  const { run, now } = observation;
  const status = run.status;
  if (isTerminal(status?.phase) && !stillCounting(observation)) return planFinished({ ...observation, pods: [] });
  if (!observation.wanted) return NOTHING;
  if (status?.fanOut?.expanded === true) return summariseChildren(observation, {}, []);
  if (run.spec.cancel === true)
    return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled before the event went out');
  if (now >= eventDeadline(observation)) {
    return end(
      observation,
      'TimedOut',
      'timeout',
      'DeadlineExceeded',
      'the time limit was over before the event went out',
      { timeoutExceeded: true },
    );
  }
  if (run.spec.suspend === true)
    return hold(observation, 'Pending', 'Suspended', 'the run is suspended: set spec.suspend to false to start it');
  const expansion = observation.expansion;
  if (expansion === undefined) return NOTHING;
  switch (expansion.kind) {
    case 'failed':
      return end(observation, 'Failed', 'execution_failed', expansion.reason, expansion.message);
    case 'waiting': {
      const left = Date.parse(run.metadata.creationTimestamp) + observation.options.repositoryTimeoutMs - now;
      if (left <= 0) return end(observation, 'Failed', 'execution_failed', expansion.reason, expansion.message);
      const known = run.status?.conditions?.find(condition => condition.type === 'Ready')?.reason === expansion.reason;
      return {
        ...hold(observation, 'Pending', expansion.reason, expansion.message),
        events: known ? [] : [{ type: 'Warning', reason: expansion.reason, message: expansion.message }],
        requeueAfterMs: Math.min(left, 5_000),
      };
    }
    case 'expanded':
      return latch(observation, expansion);
  }
}

/** The event went out: from here on it is never matched again, whatever the repositories say later. */
function latch(observation: EventObservation, expansion: Extract<Expansion, { kind: 'expanded' }>): Decision {
  const { run, now } = observation;
  const fingerprint = eventFingerprint(run.spec.event!);
  const changes: Partial<StatusBody> = {
    fanOut: {
      eventId: run.spec.event?.id ?? run.metadata.uid,
      fingerprint,
      eventEmitted: true,
      expanded: true,
      startTime: run.status?.fanOut?.startTime ?? rfc3339(now),
      subscribersFound: expansion.subscribersFound,
      withoutConsent: expansion.withoutConsent,
      deduplicated: expansion.deduplicated,
      triggeredCount: expansion.children.length,
      skippedCount: expansion.skippedCount,
      skipped: [...expansion.skipped],
    },
  };
  const message = `${expansion.children.length} of ${expansion.subscribersFound} subscribers run`;
  const warning =
    expansion.warning === undefined
      ? []
      : [{ type: 'Warning' as const, reason: 'DeepTree', message: expansion.warning }];
  const told = run.spec.parent === undefined ? [{ type: 'Normal' as const, reason: 'EventEmitted', message }] : [];
  return summariseChildren({ ...observation, children: expansion.children }, changes, [...told, ...warning]);
}

function summariseChildren(
  observation: EventObservation,
  changes: Partial<StatusBody>,
  events: Decision['events'],
): Decision {
  const { run, now, children } = observation;
  const fanOut = changes.fanOut ?? run.status?.fanOut;
  const expected = fanOut?.triggeredCount ?? 0;
  const states = children.map(childState);
  const summary = summarise(states, expected);
  const errors = detailedErrors(states, { namespace: run.metadata.namespace! });
  const below: Partial<StatusBody> = {
    ...changes,
    childrenSummary: summary,
    treeSummary: treeSummary(states, expected),
    children: childrenText(summary),
    ...(errors.errors.length === 0 ? {} : { detailedErrors: [...errors.errors] }),
    ...(errors.omitted === 0 ? {} : { detailedErrorsOmitted: errors.omitted }),
  };
  const deadlineMs = eventDeadline(observation);
  const completion = eventCompletion({
    waitForChildren: run.spec.waitForChildren !== false,
    expanded: true,
    skippedCount: fanOut?.skippedCount,
    summary,
    errors: errors.errors,
    cancel: run.spec.cancel === true,
    deadlineMs,
    now,
    source: run.spec.event!.source,
    type: run.spec.event!.type,
  });
  if (isTerminal(run.status?.phase)) {
    // Its end is latched; only the numbers go on, for children that nobody waits for.
    return { ...NOTHING, status: body(observation, below) };
  }
  return {
    ...decide(observation, completion, below, deadlineMs),
    events: [...events, ...endEvents(observation, completion)],
  };
}

function decide(
  observation: EventObservation,
  completion: Completion,
  changes: Partial<StatusBody>,
  deadlineMs: number,
): Decision {
  const unfinished = observation.children.filter(child => !isTerminal(child.status?.phase));
  const cancel = unfinished
    .filter(child => child.spec.cancel !== true)
    .map(child => ({ kind: 'cancelRun' as const, namespace: child.metadata.namespace!, name: child.metadata.name! }));
  switch (completion.state) {
    case 'running':
      return {
        ...hold(observation, completion.phase, 'WaitingForChildren', 'the children are running', changes),
        requeueAfterMs: Math.max(0, deadlineMs - observation.now),
      };
    case 'stopping':
      return {
        ...hold(
          observation,
          completion.phase,
          completion.cause === 'Cancel' ? 'Canceling' : 'TimingOut',
          completion.message,
          changes,
        ),
        before: cancel,
        requeueAfterMs: 5_000,
      };
    case 'ended': {
      const emptied = completion.phase === 'Succeeded' || observation.run.spec.waitForChildren === false ? [] : cancel;
      return {
        ...end(observation, completion.phase, completion.errorType, completion.reason, completion.message, {
          ...changes,
          ...(completion.timeoutExceeded ? { timeoutExceeded: true } : {}),
        }),
        before: emptied,
      };
    }
  }
}

/** A step's fan-out tells its end through the run that the step belongs to. */
function endEvents({ run }: EventObservation, completion: Completion): Decision['events'] {
  if (completion.state !== 'ended' || run.spec.parent !== undefined) return [];
  const good = completion.phase === 'Succeeded';
  return [{ type: good ? 'Normal' : 'Warning', reason: completion.reason, message: completion.message }];
}

function stillCounting({ run, children }: EventObservation): boolean {
  const summary = run.status?.childrenSummary;
  if (summary === undefined || run.status?.fanOut?.expanded !== true) return false;
  return summary.running + summary.pending > 0 && children.length > 0;
}

function hold(
  observation: EventObservation,
  phase: Phase,
  reason: string,
  message: string,
  changes: Partial<StatusBody> = {},
): Decision {
  return { ...NOTHING, verdict: { phase, reason, message }, status: body(observation, changes) };
}

function end(
  observation: EventObservation,
  phase: Phase,
  errorType: ErrorType | undefined,
  reason: string,
  message: string,
  changes: Partial<StatusBody> = {},
): Decision {
  const completionTime = rfc3339(observation.now);
  const { fanOut, ...status } = body(observation, changes);
  return {
    ...NOTHING,
    verdict: { phase, reason, message },
    status: {
      ...status,
      ...(errorType === undefined ? {} : { errorType }),
      completionTime,
      ...(fanOut === undefined ? {} : { fanOut: { ...fanOut, completionTime } }),
    },
    events:
      observation.run.spec.parent === undefined && changes.fanOut === undefined && changes.childrenSummary === undefined
        ? [{ type: 'Warning', reason, message }]
        : [],
  };
}

function body(observation: EventObservation, changes: Partial<StatusBody>): StatusBody {
  const { run, now } = observation;
  const {
    conditions: _c,
    observedGeneration: _g,
    phase: _p,
    message: _m,
    ...previous
  }: TakoRunStatus = run.status ?? {};
  const source = run.spec.event?.source ?? '';
  return {
    ...previous,
    runId: runIdOf(run.metadata),
    repository: source.slice(0, source.lastIndexOf(':')),
    startTime: previous.startTime ?? rfc3339(now),
    ...changes,
  };
}

/** When an event run ends at the latest, milliseconds since the epoch. */
export function eventDeadline({ run, options }: Pick<EventObservation, 'run' | 'options'>): number {
  const createdMs = Date.parse(run.metadata.creationTimestamp);
  const inheritedMs = inheritedDeadline(run);
  return runDeadline({
    createdMs,
    startedMs: createdMs,
    timeoutMs: milliseconds(run.spec.timeout, options.defaultTimeoutMs),
    ...(inheritedMs === undefined ? {} : { inheritedMs }),
  });
}
