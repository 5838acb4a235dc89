import type { RunObject } from './objects.ts';

/** Times are milliseconds since the epoch. */
export interface RunTimes {
  readonly createdMs: number;
  /** When its Pod was created or its event matched; absent: it has not started. */
  readonly startedMs?: number | undefined;
  /** The run's own time limit. */
  readonly timeoutMs: number;
  /** When the tree above it ends at the latest. */
  readonly inheritedMs?: number | undefined;
}

/**
 * When a run ends at the latest: its own limit, but never after the tree's.
 *
 * A root's limit counts from its creation: whoever waits for it waits in the queue too. A child's own limit counts from its start, for
 * how long it queues is not its doing; the inherited deadline bounds its time in the queue.
 */
export function runDeadline({ createdMs, startedMs, timeoutMs, inheritedMs }: RunTimes): number {
  if (inheritedMs === undefined) return createdMs + timeoutMs;
  return startedMs === undefined ? inheritedMs : Math.min(startedMs + timeoutMs, inheritedMs);
}

/** The deadline that a run has from its tree; absent for a root. */
export function inheritedDeadline(run: Pick<RunObject, 'spec'>): number | undefined {
  const deadline = run.spec.parent?.deadline;
  return deadline === undefined ? undefined : Date.parse(deadline);
}

export interface TimeoutBounds {
  readonly timeoutMs?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly now: number;
}

/**
 * A time limit cut to what is left until the deadline, at least a second (a run that starts too late shall say so itself). Absent when no
 * limit is asked for: the deadline alone holds then.
 */
export function boundedTimeout({ timeoutMs, deadlineMs, now }: TimeoutBounds): number | undefined {
  if (timeoutMs === undefined || deadlineMs === undefined) return timeoutMs;
  return Math.min(timeoutMs, Math.max(deadlineMs - now, 1_000));
}

/** RFC 3339 with whole seconds, as metav1.Time. Rounded down: a tree never ends later than it was told. */
export function toTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
