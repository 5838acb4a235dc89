import { CHILDREN_FINALIZER } from '../../api/meta.ts';
import type { RunObject } from '../../fanout/objects.ts';
import { isElsewhere } from '../../fanout/parentage.ts';
import type { Action, Decision } from './decision.ts';
import { NOTHING } from './decision.ts';
import type { LiveRun } from './observed.ts';

/** Children deleted in one go: at the operator's 50 requests a second some seconds, in which nothing else happens to the run. */
const MAX_DELETIONS = 100;
/** Time until the next look at what is still to be deleted, milliseconds. */
const DELETING_LOOK_MS = 1_000;

export interface ElsewhereObservation {
  readonly run: LiveRun;
  /** In all namespaces. */
  readonly children: readonly RunObject[];
  /** Whether the store shows all children that were created. */
  readonly settled: boolean;
}

/**
 * What is left to do with a run that is being deleted: its children in other namespaces, which Kubernetes does not delete with it, go first.
 * What is below each of them, its Pods for instance, it owns.
 */
export function planDeleted({ run, children, settled }: ElsewhereObservation): Decision {
  if (!isHeld(run)) return NOTHING;
  const elsewhere = children.filter(child => isElsewhere(child, run.metadata.namespace));
  if (elsewhere.length > 0) return { ...NOTHING, after: deleteSome(elsewhere), requeueAfterMs: DELETING_LOOK_MS };
  return settled ? { ...NOTHING, after: [letGo(run)] } : { ...NOTHING, requeueAfterMs: DELETING_LOOK_MS };
}

/** The same for a run that has ended and stays: once none of its children is elsewhere any more, nothing has to hold it. */
export function releaseOfEnded({ run, children, settled }: ElsewhereObservation): Action[] {
  const isFree = settled && !children.some(child => isElsewhere(child, run.metadata.namespace));
  return isHeld(run) && isFree ? [letGo(run)] : [];
}

/** Deletes those of the children that are in other namespaces than `run`, the first of them when they are many. */
export function deleteElsewhere(run: LiveRun, children: readonly RunObject[]): { actions: Action[]; againMs?: number } {
  const elsewhere = children.filter(child => isElsewhere(child, run.metadata.namespace));
  return { actions: deleteSome(elsewhere), ...(elsewhere.length > 0 && { againMs: DELETING_LOOK_MS }) };
}

function deleteSome(children: readonly RunObject[]): Action[] {
  return children
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .slice(0, MAX_DELETIONS)
    .map(({ metadata }) => ({
      kind: 'deleteRun',
      namespace: metadata.namespace!,
      name: metadata.name!,
      uid: metadata.uid!,
    }));
}

function isHeld({ metadata }: LiveRun): boolean {
  return metadata.finalizers?.includes(CHILDREN_FINALIZER) === true;
}

function letGo({ metadata }: LiveRun): Action {
  return { kind: 'releaseRun', finalizers: metadata.finalizers ?? [] };
}
