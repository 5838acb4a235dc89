import type { Held } from '../../queue/types.ts';
import type { Decision } from './decision.ts';
import { milliseconds } from './durations.ts';
import type { LiveRun } from './observed.ts';
import type { WorkflowObservation } from './workflow-observation.ts';
import { end, hold } from './workflow-status.ts';

/**
 * A run that may not start yet. Its status is written when it begins to wait and when the reason changes, never because others went before it:
 * where it stands is in the metrics.
 */
export function planQueued(observation: WorkflowObservation, held: Held, deadlineMs: number): Decision {
  const { run, now } = observation;
  const sinceMs = queuedSince(run) ?? now;
  const limit = run.spec.queueTimeout;
  const giveUpMs = sinceMs + milliseconds(limit, Number.POSITIVE_INFINITY);
  const cause = causeOf(held, observation);
  if (now >= giveUpMs) {
    const late = `it waited ${limit} for its turn (spec.queueTimeout): ${cause}`;
    return end(observation, 'TimedOut', 'timeout', 'QueueTimeout', late, { timeoutExceeded: true });
  }
  const message = TURNLESS.has(held.reason) ? cause : `waiting for its turn: ${cause}`;
  return {
    ...hold(observation, 'Queued', held.reason, sameWords(run, held) ?? message, held.reason === 'QuotaExceeded'),
    requeueAfterMs: Math.min(deadlineMs, giveUpMs) - now,
  };
}

/** When the run began to wait for its turn, milliseconds since the epoch; undefined when it does not. */
export function queuedSince({ status }: LiveRun): number | undefined {
  return status?.phase === 'Queued' && status.queuedTime !== undefined ? Date.parse(status.queuedTime) : undefined;
}

/** The message that is there already for the same reason: what has changed in it is a number that nobody waits for. */
function sameWords({ status }: LiveRun, { reason }: Held): string | undefined {
  const before = status?.conditions?.find(condition => condition.type === 'Ready');
  return status?.phase === 'Queued' && before?.reason === reason ? status.message : undefined;
}

/** Reasons whose cause says by itself what the run waits for. */
const TURNLESS: ReadonlySet<Held['reason']> = new Set(['Suspended', 'QuotaExceeded']);

function causeOf({ reason, limit, message }: Held, { run, suspendedBy }: WorkflowObservation): string {
  const runs = `${limit} ${limit === 1 ? 'run' : 'runs'}`;
  switch (reason) {
    case 'Suspended':
      return `queued while ${suspendedBy ?? 'a run above'} is suspended: it starts when that one goes on and its turn comes`;
    case 'ConcurrencyLimit':
      return `the fan-out runs ${limit} of its children at once (spec.concurrencyLimit of the run above)`;
    case 'RepositoryLimit':
      return `TakoRepository ${run.spec.workflow?.repositoryRef.name} has ${runs} at once (its spec.concurrencyLimit, or TAKO_REPOSITORY_CONCURRENCY of the operator)`;
    case 'WaitingPodsLimit':
      return `a fan-out of it keeps its Pod while its children run, and the namespace has ${limit} such ${limit === 1 ? 'run' : 'runs'} at once (TAKO_WAITING_PODS_SHARE and TAKO_WAITING_PODS_MIN of the operator); a fan-out that is the last step keeps none`;
    case 'QuotaExceeded':
      return message ?? 'waiting for room in the namespace: a ResourceQuota is used up';
    case 'NamespaceLimit':
      return `the namespace has ${runs} at once (TAKO_NAMESPACE_CONCURRENCY of the operator)`;
    case 'OperatorLimit':
      return `the operator has ${runs} at once (TAKO_CONCURRENCY)`;
  }
}
