import type { ResultBody } from '../../agent/contract.ts';
import { LABELS } from '../../api/meta.ts';
import type { Phase } from '../../api/takorun-status.ts';
import { countedFrom, inheritedDeadline, runDeadline, startedAt } from '../../fanout/deadline.ts';
import type { Below } from '../../fanout/retry-tree.ts';
import type { Held } from '../../queue/types.ts';
import type { CacheVolume } from '../cache/volumes.ts';
import { milliseconds } from './durations.ts';
import type { LiveRepository, LiveRun, ObservedPod } from './observed.ts';
import type { RunOptions } from './options.ts';
import type { PodInput } from './pod.ts';
import type { Preparation } from './prepare.ts';

/**
 * How the runs above this one stand. Below one that is `ending` (being deleted) nothing starts any more, and garbage collection does the
 * rest. `gone`: one was deleted without its children, or the parent ended without waiting for them to start, or the run only claims to have
 * it. `early`: the event whose child this is, in another namespace, has not gone out yet.
 */
export type Lineage = 'live' | 'early' | 'ending' | 'gone';

/** Time until the next look at a run whose event has not gone out yet, milliseconds; it is woken when it has. */
export const EARLY_LOOK_MS = 5_000;

/** Time until the next look at a run whose parent is being deleted, milliseconds: it may have been left behind then. */
export const ENDING_LOOK_MS = 10_000;

/** All that a decision about a workflow run rests on. */
export interface WorkflowObservation {
  readonly run: LiveRun;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly options: RunOptions;
  /** Pods that the run controls. */
  readonly pods: readonly ObservedPod[];
  /** Event runs that its fan-out steps created, of each step the last one. */
  readonly fanOuts: readonly LiveRun[];
  readonly lineage: Lineage;
  /** The run that started this one, while it exists. */
  readonly parent?: LiveRun | undefined;
  readonly below: Below;
  /** Only looked up while there is no Pod. */
  readonly preparation?: Preparation | undefined;
  readonly repository?: LiveRepository | undefined;
  /** Why the breaker of the workflow does not let the run start. */
  readonly circuit?: string | undefined;
  /** Why it may not start yet; undefined when nothing holds it. Only looked up while there is no Pod. */
  readonly held?: Held | undefined;
  /** The nearest run above that is suspended, namespace/name. */
  readonly suspendedBy?: string | undefined;
  /** What the API server said against the Pod that was just planned. */
  readonly refusal?: PodRefusal | undefined;
  /** The result that the agent stored because it did not fit; only when its message says so. */
  readonly stored?: ResultBody | 'missing' | undefined;
  /** Whether the namespace has a place for the workspace that the last Pod holds for people; only when it holds one. */
  readonly retention?: 'granted' | 'refused' | undefined;
  /** The cache of the namespace; absent: the Pod goes without. Only asked for when the run may start now, and its Pod may have it. */
  readonly cache?: CacheVolume | undefined;
  readonly trigger?: PodInput['trigger'];
  readonly gatewayCa: string;
}

/** Why the API server did not take a Pod, for good or for long. That a quota is used up is a reason to wait (`held`). */
export interface PodRefusal {
  /** CamelCase. */
  readonly reason: 'PodForbidden' | 'PodInvalid' | 'PodConflict';
  readonly message: string;
}

/**
 * A Pod that does not run after this long is worth a status of its own; before, it is just starting, as on a node that gets 20 at once.
 * Each write of a status costs the API server and the operator some 7 ms of CPU. Milliseconds.
 */
export const QUIET_START_MS = 5_000;

/** The same for a run of scripts that has started: a little more than two relists of the kubelet. Milliseconds. */
export const QUIET_RUN_MS = 3_000;

/** When the run ends at the latest, milliseconds since the epoch. `startedMs` absent: it has not started. */
export function deadlineOf(observation: WorkflowObservation, startedMs: number | undefined): number {
  const { run, repository, options } = observation;
  const timeout = run.spec.timeout ?? repository?.spec.runTemplate?.timeout;
  const inheritedMs = inheritedDeadline(run);
  return runDeadline({
    createdMs: countedFrom(run),
    startedMs: startedMs ?? observation.now,
    timeoutMs: milliseconds(timeout, options.defaultTimeoutMs),
    ...(inheritedMs === undefined ? {} : { inheritedMs }),
  });
}

/** When the run started, as far as is known; else now. */
export function startOf(observation: WorkflowObservation): number {
  const { run, pods, now } = observation;
  const created = pods.find(pod => !hasEnded(run, attemptOf(pod)))?.metadata.creationTimestamp;
  return startedAt(run) ?? (created === undefined ? now : Date.parse(created));
}

/** Which attempt a Pod is, from 1. */
export function attemptOf(pod: ObservedPod): number {
  return Number(pod.metadata.labels?.[LABELS.attempt] ?? 1);
}

/** Whether the status says that an attempt has ended: its outcome is recorded, and nothing of its Pod counts any more. */
export function hasEnded(run: LiveRun, attempt: number): boolean {
  const last = run.status?.attempts?.at(-1);
  if (last === undefined) return false;
  return attempt < last.number || (attempt === last.number && last.completionTime !== undefined);
}

export function currentPhase(run: LiveRun): Phase {
  return run.status?.phase ?? 'Pending';
}
