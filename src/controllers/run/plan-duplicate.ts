import { duplicateState, type FirstRun } from '../../fanout/claim.ts';
import { waitsForChildren } from '../../fanout/parentage.ts';
import type { Decision } from './decision.ts';
import { type EventObservation, eventDeadline } from './event-observation.ts';
import { endEvent, eventIdentity, holdEvent } from './event-status.ts';
import type { StatusBody } from './status.ts';

/**
 * Longest time between two looks at the run that a duplicate follows, milliseconds. Its changes are told; this is for what is lost. Each look reads the
 * claim, so that a thousand duplicates cost three reads a second.
 */
const FOLLOW_LOOK_MS = 300_000;

/** An event that another run has sent already: it starts nothing and ends as that one does. */
export function planDuplicate(observation: EventObservation, first: FirstRun): Decision {
  const { run, now } = observation;
  const state = duplicateState(first, { waitForChildren: waitsForChildren(run) });
  const changes: Partial<StatusBody> = {
    duplicateOf: first.name,
    fanOut: { ...eventIdentity(observation), eventEmitted: false, expanded: false },
  };
  switch (state.kind) {
    case 'waiting':
      return {
        ...holdEvent(observation, 'Waiting', 'DuplicateEvent', state.message, changes),
        requeueAfterMs: Math.min(FOLLOW_LOOK_MS, Math.max(0, eventDeadline(observation) - now)),
      };
    case 'ended': {
      const reason = state.phase === 'Succeeded' ? 'DuplicateEvent' : 'DuplicateFailed';
      return endEvent(observation, state.phase, state.errorType, reason, state.message, changes);
    }
  }
}
