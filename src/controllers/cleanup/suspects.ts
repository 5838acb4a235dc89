import { ANNOTATIONS, API_VERSION, LABELS } from '../../api/meta.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { isExpired } from '../../fanout/claim.ts';
import { controllerOf, type Lease, type LiveMeta, type OwnerReference } from '../../kube/objects.ts';
import { parseState } from '../../locks/state.ts';
import { claimOf } from '../run/event-claim.ts';
import type { LiveRun, ObservedPod } from '../run/observed.ts';
import { hasStopped } from '../run/retention.ts';

/** What is cleaned up, by the word that metrics and logs have for it. */
export const CLEANUP_KINDS = ['pods', 'workspaces', 'persistentvolumeclaims', 'configmaps', 'leases'] as const;
export type CleanupKind = (typeof CLEANUP_KINDS)[number];

/** Why an object looks like one that nobody needs any more. */
export type Cause =
  /** The run that it belongs to is not known. */
  | { readonly kind: 'runGone'; readonly runUid: string }
  /** The Pod that it belongs to is not known, by UID where the object has that, else by name. */
  | { readonly kind: 'podGone'; readonly podUid?: string; readonly podName: string }
  /** A claim whose time is over: nobody looks at it any more. */
  | { readonly kind: 'expired' }
  /** The lock of a repository that is not cached, for which nobody has asked for long. */
  | { readonly kind: 'unused' }
  /** A workspace that is kept for people, long after its time. */
  | { readonly kind: 'overdue'; readonly runName: string };

export interface Suspect {
  readonly kind: CleanupKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly cause: Cause;
}

/** The part of an object that the search needs: lists come without the rest. */
export interface Candidate {
  readonly metadata: LiveMeta;
}

/** What is known of owners; it may lag behind the cluster. */
export interface Known {
  hasRun(uid: string): boolean;
  hasPod(pod: { readonly namespace: string; readonly name: string; readonly uid?: string | undefined }): boolean;
}

/**
 * How long after its time a kept workspace is the cleanup's, milliseconds. Its containers end by themselves, and the run's own controller ends
 * them half a minute later; this is for what both have missed.
 */
const OVERDUE_MS = 600_000;
/** How far apart the clocks of API server and operator may be, milliseconds: a claim that another operator still sees is left to it. */
const CLOCK_SKEW_MS = 300_000;
/** How long the lock of a repository that is not cached stays after its last use, milliseconds: a day spares busy ones a new Lease each time. */
const UNUSED_LOCK_MS = 86_400_000;

/** A Pod of a run that is gone, also one that only its finalizer keeps. What is being deleted and not held by Tako needs nothing. */
export function suspectPod(pod: Candidate, known: Known, finalizer: string): Suspect | undefined {
  const { deletionTimestamp, finalizers = [] } = pod.metadata;
  if (deletionTimestamp !== undefined && !finalizers.includes(finalizer)) return undefined;
  return suspectOfRun('pods', pod, known);
}

/** The result of a run that is gone. */
export function suspectResult(configMap: Candidate, known: Known): Suspect | undefined {
  return isGoing(configMap) ? undefined : suspectOfRun('configmaps', configMap, known);
}

/** The claim of an event by a run that is gone, or one whose time is over. */
export function suspectClaim(lease: Parameters<typeof claimOf>[0], known: Known, now: number): Suspect | undefined {
  if (isGoing(lease) || ownerRunUid(lease) === undefined) return undefined;
  if (isExpired(claimOf(lease), now - CLOCK_SKEW_MS)) return suspect('leases', lease, { kind: 'expired' });
  return suspectOfRun('leases', lease, known);
}

/**
 * The lock of a cached repository that protects nothing: nothing is published, nobody holds it or waits, and it was not granted for a day. A new one
 * in its place goes on with the fencing numbers, for whoever asks says what it sees on the volume. One that cannot be read is left to those who
 * use it.
 */
export function suspectLock(lease: Pick<Lease, 'metadata'> & Candidate, now: number): Suspect | undefined {
  if (isGoing(lease)) return undefined;
  const parsed = parseState(lease.metadata.annotations?.[ANNOTATIONS.lock] ?? '');
  if (parsed.kind === 'broken') return undefined;
  const { published, holders, queue, used } = parsed.state;
  if (published !== undefined || holders.length > 0 || queue.length > 0) return undefined;
  if (now - CLOCK_SKEW_MS < Date.parse(used) + UNUSED_LOCK_MS) return undefined;
  return suspect('leases', lease, { kind: 'unused' });
}

/** The claim of a volume whose Pod is gone. One that belongs to anything else is not Tako's. */
export function suspectVolumeClaim(claim: Candidate, known: Known): Suspect | undefined {
  const podName = claim.metadata.labels?.[LABELS.pod];
  if (isGoing(claim) || podName === undefined) return undefined;
  const owners = claim.metadata.ownerReferences ?? [];
  const owner = owners.find(({ kind, apiVersion }) => kind === 'Pod' && apiVersion === 'v1');
  if (owners.length > 0 && owner === undefined) return undefined;
  const { namespace = '' } = claim.metadata;
  if (known.hasPod({ namespace, name: owner?.name ?? podName, uid: owner?.uid })) return undefined;
  const cause: Cause = owner
    ? { kind: 'podGone', podName: owner.name, podUid: owner.uid }
    : { kind: 'podGone', podName };
  return suspect('persistentvolumeclaims', claim, cause);
}

/** The Pod of a run that kept its workspace for people and is still there long after that time. */
export function suspectWorkspace(pod: ObservedPod, run: LiveRun | undefined, now: number): Suspect | undefined {
  const { retainedWorkspace, phase } = run?.status ?? {};
  if (run === undefined || controllerOf(pod)?.uid !== run.metadata.uid) return undefined;
  if (retainedWorkspace?.podUID !== pod.metadata.uid || !isTerminal(phase)) return undefined;
  if (isGoing(pod) || hasStopped(pod) || now < Date.parse(retainedWorkspace.until) + OVERDUE_MS) return undefined;
  return suspect('workspaces', pod, { kind: 'overdue', runName: run.metadata.name });
}

function suspectOfRun(kind: CleanupKind, object: Candidate, known: Known): Suspect | undefined {
  const runUid = ownerRunUid(object);
  return runUid === undefined || known.hasRun(runUid) ? undefined : suspect(kind, object, { kind: 'runGone', runUid });
}

/**
 * The run that an object belongs to: its owner, or, when somebody has taken its owners away (`kubectl delete --cascade=orphan`), the one that
 * its label names. undefined: it is not Tako's.
 */
function ownerRunUid({ metadata }: Candidate): string | undefined {
  const { ownerReferences = [], labels } = metadata;
  if (ownerReferences.length === 0) return labels?.[LABELS.runUid];
  return (ownerReferences.find(owner => owner.controller === true && isRun(owner)) ?? ownerReferences.find(isRun))?.uid;
}

function isRun({ apiVersion, kind }: OwnerReference): boolean {
  return kind === 'TakoRun' && apiVersion === API_VERSION;
}

function isGoing({ metadata }: Candidate): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function suspect(kind: CleanupKind, { metadata }: Candidate, cause: Cause): Suspect {
  const { name, namespace = '', uid } = metadata;
  return { kind, namespace, name, uid, cause };
}
