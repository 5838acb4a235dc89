import { countedFrom, inheritedDeadline, runDeadline } from '../../fanout/deadline.ts';
import type { RunObject } from '../../fanout/objects.ts';
import type { Below } from '../../fanout/retry-tree.ts';
import { milliseconds } from './durations.ts';
import type { Expansion } from './expand.ts';
import type { LiveRun } from './observed.ts';
import type { RunOptions } from './options.ts';
import type { Lineage } from './workflow-observation.ts';

/** All that a decision about an event run rests on. */
export interface EventObservation {
  readonly run: LiveRun;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly options: RunOptions;
  /** Runs that this one created, in all namespaces. */
  readonly children: readonly RunObject[];
  /** Whether the store shows all children that were created. */
  readonly settled: boolean;
  /** Runs that it waits for although another event of its tree started them. */
  readonly shared: readonly RunObject[];
  /** The way by which one of those waits for this run itself. */
  readonly cycle?: string | undefined;
  readonly lineage: Lineage;
  /** The run that started this one, while it exists. */
  readonly parent?: LiveRun | undefined;
  readonly below: Below;
  /** Gives the runs above a run, the parent first. */
  readonly above: (run: RunObject) => readonly RunObject[];
  /** What matching gave; only while the event is not expanded. Its children exist already, unless it is a dry run. */
  readonly expansion?: Expansion | undefined;
}

/** When an event run ends at the latest, milliseconds since the epoch. */
export function eventDeadline({ run, options }: Pick<EventObservation, 'run' | 'options'>): number {
  const createdMs = countedFrom(run);
  const inheritedMs = inheritedDeadline(run);
  return runDeadline({
    createdMs,
    startedMs: createdMs,
    timeoutMs: milliseconds(run.spec.timeout, options.defaultTimeoutMs),
    ...(inheritedMs === undefined ? {} : { inheritedMs }),
  });
}
