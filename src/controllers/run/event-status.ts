import type { ErrorType, Phase, TakoRunStatus } from '../../api/takorun-status.ts';
import { toTimestamp } from '../../api/timestamp.ts';
import { eventFingerprint } from '../../fanout/fingerprint.ts';
import type { Decision, EventIntent } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { EventObservation } from './event-observation.ts';
import { runIdOf, traceIdOf } from './identity.ts';
import type { StatusBody } from './status.ts';

/** A status for an event run that goes on. */
export function holdEvent(
  observation: EventObservation,
  phase: Phase,
  reason: string,
  message: string,
  changes: Partial<StatusBody> = {},
): Decision {
  return { ...NOTHING, verdict: { phase, reason, message }, status: eventStatus(observation, changes) };
}

/** A status for an event run that has ended. A step's fan-out tells its end through the run that the step belongs to. */
export function endEvent(
  observation: EventObservation,
  phase: Phase,
  errorType: ErrorType | undefined,
  reason: string,
  message: string,
  changes: Partial<StatusBody> = {},
): Decision {
  const completionTime = toTimestamp(observation.now);
  const { fanOut, errorType: _, ...status } = eventStatus(observation, changes);
  const told: EventIntent = { type: phase === 'Succeeded' ? 'Normal' : 'Warning', reason, message };
  return {
    ...NOTHING,
    verdict: { phase, reason, message },
    status: {
      ...status,
      ...(errorType === undefined ? {} : { errorType }),
      completionTime,
      ...(fanOut === undefined ? {} : { fanOut: { ...fanOut, completionTime } }),
    },
    events: observation.run.spec.parent === undefined ? [told] : [],
  };
}

/** What `fanOut` says of the event itself, whatever becomes of it. */
export function eventIdentity({ run, now }: EventObservation) {
  return {
    eventId: run.spec.event?.id ?? run.metadata.uid,
    fingerprint: eventFingerprint(run.spec.event!),
    startTime: run.status?.fanOut?.startTime ?? toTimestamp(now),
  } satisfies StatusBody['fanOut'];
}

/** The status so far with what every event run carries. */
export function eventStatus(observation: EventObservation, changes: Partial<StatusBody>): StatusBody {
  const { run, now } = observation;
  const {
    conditions: _c,
    observedGeneration: _g,
    phase: _p,
    message: _m,
    // Of a run that waited for another one's result, and does not any more.
    duplicateOf: _d,
    ...previous
  }: TakoRunStatus = run.status ?? {};
  const source = run.spec.event?.source ?? '';
  return {
    ...previous,
    runId: runIdOf(run.metadata),
    traceId: traceIdOf(run),
    repository: source.slice(0, source.lastIndexOf(':')),
    startTime: previous.startTime ?? toTimestamp(now),
    ...changes,
  };
}
