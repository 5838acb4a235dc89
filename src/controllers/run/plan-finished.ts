import { TRACKING_FINALIZER } from '../../api/meta.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { countedFrom } from '../../fanout/deadline.ts';
import type { RunObject } from '../../fanout/objects.ts';
import { isElsewhere } from '../../fanout/parentage.ts';
import type { Action, Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import { milliseconds } from './durations.ts';
import type { LiveRun, ObservedPod } from './observed.ts';
import type { RunOptions } from './options.ts';
import { deleteElsewhere, releaseOfEnded } from './plan-elsewhere.ts';
import { hasStopped, stopPod } from './retention.ts';

export interface FinishedObservation {
  readonly run: LiveRun;
  readonly now: number;
  readonly options: RunOptions;
  readonly pods: readonly ObservedPod[];
  readonly children: readonly RunObject[];
  /** Whether the store shows all children that were created. */
  readonly settled: boolean;
}

/** Takes the tracking finalizer off those Pods that have it. */
export function releaseActions(pods: readonly ObservedPod[]): Action[] {
  return pods.flatMap(({ metadata }) => {
    const { name, uid, finalizers } = metadata;
    return finalizers?.includes(TRACKING_FINALIZER) ? [{ kind: 'releasePod' as const, name, uid, finalizers }] : [];
  });
}

/** Containers of a finished Pod that are still there after this long are ended, milliseconds. */
const LINGER_MS = 30_000;

/** When a Pod of a run that has ended is deleted, milliseconds since the epoch. */
function podDue(pod: ObservedPod, { spec, status }: LiveRun, ended: number, { podRetentionMs }: RunOptions): number {
  if (hasStopped(pod)) return pod.claimed ? ended : ended + podRetentionMs;
  // The kubelet has yet to report that it has stopped.
  if (pod.early !== undefined) return ended + podRetentionMs;
  const retained = status?.retainedWorkspace;
  if (retained === undefined || retained.podUID !== pod.metadata.uid) return ended + LINGER_MS;
  // Its containers end by themselves when their time is over, or are told to, so that the log stays; a claim is worth more than a log.
  return spec.cancel === true && pod.claimed ? ended : Date.parse(retained.until) + LINGER_MS;
}

/** Until when a workspace is kept for people, at the latest, milliseconds since the epoch; 0: none is. */
function keptUntil({ spec, status }: LiveRun, pods: readonly ObservedPod[]): number {
  const retained = status?.retainedWorkspace;
  const pod = pods.find(({ metadata }) => metadata.uid === retained?.podUID);
  if (retained === undefined || pod === undefined || hasStopped(pod) || spec.cancel === true) return 0;
  return Date.parse(retained.until) + LINGER_MS;
}

/**
 * What is left to do with a run that has ended: let its Pods go (their outcome is in the status), delete them after their time, and delete
 * the run or its children when a time to live says so. Only the root of a tree has its children deleted; the rest goes with them.
 */
export function planFinished({ run, now, options, pods, children, settled }: FinishedObservation): Decision {
  // One that succeeded stays so when what it did not wait for is retried.
  const ended = Math.max(Date.parse(run.status?.completionTime ?? run.metadata.creationTimestamp), countedFrom(run));
  const actions: Action[] = releaseOfEnded({ run, children, settled });
  const times: number[] = [];

  for (const pod of pods) {
    const id = { name: pod.metadata.name, uid: pod.metadata.uid };
    actions.push(...releaseActions([pod]));
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const due = podDue(pod, run, ended, options);
    if (now >= due) actions.push({ kind: 'deletePod', ...id });
    else {
      if (run.spec.cancel === true && pod.metadata.uid === run.status?.retainedWorkspace?.podUID && !hasStopped(pod))
        actions.push(stopPod(pod));
      times.push(due);
    }
  }
  const { name, namespace, uid } = run.metadata;
  const { ttlSecondsAfterFinished, childrenTTL } = run.spec;
  if (ttlSecondsAfterFinished !== undefined) {
    const due = Math.max(ended + ttlSecondsAfterFinished * 1_000, keptUntil(run, pods));
    if (now >= due) actions.push({ kind: 'deleteRun', namespace: namespace!, name, uid });
    else times.push(due);
  }
  if (
    run.spec.parent === undefined &&
    children.length > 0 &&
    children.every(child => isTerminal(child.status?.phase))
  ) {
    const due = ended + milliseconds(childrenTTL, options.childrenTtlMs);
    if (now < due) times.push(due);
    else {
      const elsewhere = deleteElsewhere(run, children);
      if (children.some(child => !isElsewhere(child, namespace))) actions.push({ kind: 'deleteChildren' });
      actions.push(...elsewhere.actions);
      if (elsewhere.againMs !== undefined) times.push(now + elsewhere.againMs);
    }
  }
  const next = times.length === 0 ? undefined : Math.max(0, Math.min(...times) - now);
  return { ...NOTHING, after: actions, requeueAfterMs: next };
}
