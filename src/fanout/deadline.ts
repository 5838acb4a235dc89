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

/** The deadline that a run has from its tree, that of its last retry when there was one; absent for a root. */
export function inheritedDeadline({ spec, status }: Pick<RunObject, 'spec' | 'status'>): number | undefined {
  const deadline = status?.retry?.deadline ?? spec.parent?.deadline;
  return deadline === undefined ? undefined : Date.parse(deadline);
}

/** From when on the time of a run counts, milliseconds since the epoch: its creation, or its last retry. */
export function countedFrom({ metadata, status }: Pick<RunObject, 'metadata' | 'status'>): number {
  return Date.parse(status?.retry?.startTime ?? metadata.creationTimestamp ?? '');
}

/** When a run started, milliseconds since the epoch, as far as is known: what was before its last retry does not count. */
export function startedAt(run: Pick<RunObject, 'metadata' | 'status'>): number | undefined {
  const { startTime, retry } = run.status ?? {};
  if (startTime === undefined) return undefined;
  return retry?.startTime === undefined ? Date.parse(startTime) : Math.max(Date.parse(startTime), countedFrom(run));
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
